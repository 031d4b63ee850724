/**
 * The TCP line to Postgres, watched.
 *
 * When the other machine vanishes, TCP goes on hoping for a quarter of an hour and the library has no clock of its own:
 * every connection of the pool would be waiting on a dead line long after another server answers. So a line that was
 * written to and has heard nothing back for longer than any statement may take is cut, and the pool opens a new one.
 * An idle line is never cut: silence counts only while an answer is due.
 *
 * TLS is agreed here and not by the library, because it would wrap the socket and take the watch off.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

interface Address {
  host: string[]
  port: number[]
}

export interface LineOptions {
  connectMs: number
  /** How long an answer may take before the line counts as dead. */
  silenceMs: number
  /** Present when the server must speak TLS. */
  tls: ConnectionOptions | undefined
}

/** Given to the library as its `socket` option. Of several hosts the first that can be reached is taken. */
export function openLine(options: LineOptions): (address: Address) => Promise<Socket> {
  return async (address) => {
    let failure: unknown = new Error('no host to connect to')
    for (const [at, host] of address.host.entries()) {
      try {
        const plain = connectTcp({ host, port: address.port[at] ?? 5432, noDelay: true })
        await heard(plain, 'connect', options.connectMs)
        return watched(options.tls === undefined ? plain : await encrypted(plain, host, options), options.silenceMs)
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }
}

/** What `sslmode` of a URL asks for, and the URL without it. The words are libpq's. */
export function readTls(url: string): { url: string; tls: ConnectionOptions | undefined } {
  const [address = '', query = ''] = url.split('?')
  const parameters = new URLSearchParams(query)
  const mode = parameters.get('sslmode') ?? 'disable'
  parameters.delete('sslmode')

  const bare = parameters.size === 0 ? address : `${address}?${parameters}`
  if (mode === 'disable') return { url: bare, tls: undefined }
  return { url: bare, tls: { rejectUnauthorized: mode.startsWith('verify') } }
}

/** "SSLRequest" of the protocol; the server answers with one byte, S or N. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

async function encrypted(plain: Socket, host: string, options: LineOptions): Promise<Socket> {
  plain.write(SSL_REQUEST)
  const answer = await heard<Buffer>(plain, 'data', options.connectMs)
  // More than the one byte would be plain text, put in by somebody between us to be taken for encrypted.
  if (answer.toString('latin1') !== 'S') {
    plain.destroy()
    throw Object.assign(new Error('the server does not speak TLS'), { code: 'CONNECTION_CLOSED' })
  }
  const name = isIP(host) === 0 ? { servername: host } : {}
  const line = connectTls({ socket: plain, ...name, ...options.tls })
  await heard(line, 'secureConnect', options.connectMs)
  return line
}

/** Cuts a line that owes an answer and stays silent. */
function watched(line: Socket, silenceMs: number): Socket {
  let due: NodeJS.Timeout | undefined
  const listen = () => {
    due ??= setTimeout(
      () => line.destroy(Object.assign(new Error(`silent for ${silenceMs} ms`), { code: 'ETIMEDOUT' })),
      silenceMs,
    ).unref()
  }
  const settle = () => {
    clearTimeout(due)
    due = undefined
  }

  const write = line.write.bind(line)
  line.write = ((...parts: Parameters<typeof write>) => {
    listen()
    return write(...parts)
  }) as typeof line.write
  // First in line, and put back by nobody: the library removes all listeners only of a line that is closed.
  line.on('data', settle)
  line.on('close', settle)
  return line
}

/** The first `event` of a socket; its error or a destroyed socket when it does not come in time. */
function heard<T>(socket: Socket, event: string, withinMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      finish()
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(
      () => fail(Object.assign(new Error(`no ${event} within ${withinMs} ms`), { code: 'CONNECT_TIMEOUT' })),
      withinMs,
    )
    const closed = () => fail(Object.assign(new Error('closed by the server'), { code: 'CONNECTION_CLOSED' }))
    const arrive = (what: T) => {
      finish()
      resolve(what)
    }
    const finish = () => {
      clearTimeout(timer)
      socket.off('error', fail).off('close', closed).off(event, arrive)
    }
    socket.once('error', fail).once('close', closed).once(event, arrive)
  })
}
