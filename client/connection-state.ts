/**
 * Where the connection stands, with the code and reason of the last end where there was one: enough for a badge that says
 * "back in 4 s" or "sign in again".
 */
export type ConnectionState =
  | { name: 'idle' }
  | { name: 'connecting' }
  | { name: 'online'; session: string; user?: string; role?: string }
  /** Comes back by itself. */
  | { name: 'waiting'; code: number; reason: string; retryInMs: number }
  /** For good, until connect() is called again. */
  | { name: 'closed'; code: number; reason: string }

/** Ends that this side found, as close codes of the range that comes back. */
export const OWN_CODES = {
  left: 1000, //     close() was called
  no_welcome: 4000,
  silent: 4001, //   a link that carries nothing
  no_token: 4002, // getToken() failed
  no_link: 4003, //  the transport could not even dial
  unreadable: 4004,
} as const
