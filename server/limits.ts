/**
 * The limits of a node, from its settings.
 *
 * `LIVEDROP_LIMITS` says which of them hold. `all` is for production. `users` leaves out what is counted per network and
 * for the node as a whole: on a developer's machine everybody comes from 127.0.0.1, and the servers, the node and the
 * load share the cores. `none` is for measuring how fast a node is.
 */
import type { Pace } from './inbound/gcra.ts'

export const LIMIT_SCOPES = ['all', 'users', 'none'] as const
export type LimitScope = (typeof LIMIT_SCOPES)[number]

/** Undefined: not limited. */
export interface Limits {
  /** Of a socket. */
  messages: Pace | undefined
  /** Of a user. */
  orders: Pace | undefined
  reads: Pace | undefined
  writes: Pace | undefined
  /** What an administrator does as one. */
  admin: Pace | undefined
  socketsPerUser: number | undefined
  /** Of a user's password, from one network. */
  passwords: Pace | undefined
  /** Of a network; of whoever is nobody, whatever they ask. */
  anonymous: Pace | undefined
  signIns: Pace | undefined
  handshakes: Pace | undefined
  socketsPerAddress: number | undefined
  /** Of the node. */
  socketsMax: number | undefined
  loopDelayMaxMs: number | undefined
}

export type GivenLimits = Omit<Limits, 'anonymous'>

export function limitsOf(scope: LimitScope, given: GivenLimits): Limits {
  const { messages, orders, reads, writes, admin, socketsPerUser, passwords, ...others } = given
  const users = scope === 'none' ? {} : { messages, orders, reads, writes, admin, socketsPerUser, passwords }
  const everything = scope === 'all' ? { ...others, anonymous: reads } : {}
  return { ...NONE, ...users, ...everything }
}

const NONE: Limits = {
  messages: undefined,
  orders: undefined,
  reads: undefined,
  writes: undefined,
  admin: undefined,
  socketsPerUser: undefined,
  passwords: undefined,
  anonymous: undefined,
  signIns: undefined,
  handshakes: undefined,
  socketsPerAddress: undefined,
  socketsMax: undefined,
  loopDelayMaxMs: undefined,
}

const UNITS_MS = { s: 1_000, min: 60_000, h: 3_600_000 } as const
const PACE = /^([1-9]\d{0,5})\/(s|min|h):([1-9]\d{0,5})$/

export function isPace(text: string): boolean {
  return text === 'off' || PACE.test(text)
}

/** `20/s:40` is 20 a second and 40 at once. `off`, or what is no pace: undefined. */
export function paceOf(text: string): Pace | undefined {
  const [, count, unit, burst] = PACE.exec(text) ?? []
  if (unit === undefined) return undefined

  return { intervalMs: UNITS_MS[unit as keyof typeof UNITS_MS] / Number(count), burst: Number(burst) }
}
