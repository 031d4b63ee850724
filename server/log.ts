/**
 * What a node says to whoever runs it: JSON lines on stderr.
 *
 * Secrets are cut out here, by the name of the field and not by the care of the caller: whatever is called
 * authorization, token, ticket, cookie, key, password or secret, three levels deep. (stdout belongs to the commands.)
 */
import pino from 'pino'
import type { Log } from '../rooms/ports.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The rooms' log and one word more, for what is said of every request. */
export interface NodeLog extends Log {
  debug(event: string, facts?: Record<string, unknown>): void
}

const SECRETS = [
  ...['authorization', 'Authorization', 'proxy-authorization', 'cookie', 'Cookie', 'set-cookie', 'Set-Cookie'],
  ...['token', 'refreshToken', 'ticket', 'key', 'password', 'newPassword', 'passwordHash', 'secret', 'jwtSecret'],
  ...['previousSecret', 'privateKey', 'previousPrivateKey', 'redisUrl', 'natsUrl', 'databaseUrl'],
]
const DEPTHS = ['', '*', '*.*']
/** In brackets, for a name may have a hyphen. */
const PATHS = DEPTHS.flatMap((depth) => SECRETS.map((name) => `${depth}["${name}"]`))

export interface LogOptions {
  level: LogLevel
  /** Carried by every line. */
  node?: string
  /** stderr unless given. */
  to?: { write(line: string): void }
}

export function makeLog(options: LogOptions): NodeLog {
  const lines = pino(
    {
      level: options.level,
      base: options.node === undefined ? {} : { node: options.node },
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { cause: pino.stdSerializers.err },
      redact: { paths: PATHS, censor: '[cut]' },
    },
    options.to ?? pino.destination({ dest: 2, sync: false, minLength: 0 }),
  )
  return {
    debug: (event, facts = {}) => lines.debug(facts, event),
    info: (event, facts = {}) => lines.info(facts, event),
    warn: (event, facts = {}) => lines.warn(facts, event),
    error: (event, facts = {}) => lines.error(facts, event),
  }
}
