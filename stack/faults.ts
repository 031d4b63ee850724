/**
 * The ways in which a local stack can refuse to start, one class each, so that the caller can tell them apart by type.
 *
 * Every message is written for the person at the terminal: what is wrong, how it was looked for, what to do. The command
 * line turns `exitCode` into its own: 2 means "this machine lacks something", 1 means "something went wrong".
 */
import type { ServerName } from './server-name.ts'

export class StackFault extends Error {
  readonly exitCode: number = 1

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = new.target.name
  }
}

/** A server's program is not on this machine and could not be installed. */
export class MissingServer extends StackFault {
  override readonly exitCode = 2
  readonly servers: readonly ServerName[]

  constructor(servers: readonly ServerName[], message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.servers = servers
  }
}

/** Another living process holds this data folder. */
export class AlreadyRunning extends StackFault {
  readonly pid: number

  constructor(dataDir: string, pid: number) {
    super(
      `already running: process ${pid} holds ${dataDir} (end it with "livedrop down", or choose another data folder)`,
    )
    this.pid = pid
  }
}

/** A server was found, but did not come up: the message ends with the last lines it logged. */
export class ServerFailed extends StackFault {
  readonly server: ServerName

  constructor(server: ServerName, what: string, lastLines: string) {
    super(`${server} ${what}${lastLines ? `; its last words:\n${lastLines}` : ''}`)
    this.server = server
  }
}
