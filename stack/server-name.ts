/**
 * The three servers of the stack, and how each is asked to stop.
 *
 * Postgres gets SIGINT ("fast"): on SIGTERM it waits for its clients to leave, and with one still connected it would
 * outlive its parent.
 */
export const SERVER_NAMES = ['redis', 'nats', 'postgres'] as const

export type ServerName = (typeof SERVER_NAMES)[number]

export const STOP_SIGNAL: Record<ServerName, NodeJS.Signals> = { redis: 'SIGTERM', nats: 'SIGTERM', postgres: 'SIGINT' }
