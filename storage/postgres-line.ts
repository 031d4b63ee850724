/**
 * The line to Postgres: TCP or TLS, watched.
 *
 * When the other machine vanishes, TCP goes on hoping for a quarter of an hour and the library has no clock of its own:
 * every connection of the pool would be waiting on a dead line long after another server answers. So a line that was
 * written to and has heard nothing back for longer than any statement may take is cut, and the pool opens a new one.
 * An idle line is never cut: silence counts only while an answer is due.
 *
 * It is a stream around the socket and not the socket itself, for the library wants its socket at once, and takes for
 * granted that an error and the end of it come together. A net.Socket says the one some time before the other, and a
 * statement that is asked in between would be lost without a word.
 *
 * And the library has a memory that it should not have: what it was about to write when a line ended is kept for the next
 * line, together with the belief that writing is under way, so it does not even greet there and the connection is of no
 * use until a kilobyte has gathered. A new line that is not greeted at once, or with anything but the greeting, is ended
 * at once, and the library tries the next one; after a few of those its memory is empty.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
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
export function openLine(options: LineOptions): (address: Address) => Duplex {
  return (address) => new Line(reach(address, options), options.silenceMs)
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

const GREETED_WITHIN_TURNS = 3

/** "StartupMessage" of the protocol begins with its own length; whatever else there is begins with a letter. */
function isGreeting(bytes: Buffer): boolean {
  return bytes.length >= 8 && bytes.readInt32BE(0) === bytes.length
}

class Line extends Duplex {
  #socket: Socket | undefined
  #due: NodeJS.Timeout | undefined
  /** What was written before there was a socket: a stream asks for one write at a time. */
  #first: (() => void) | undefined
  #isGreeted = false
  readonly #silenceMs: number

  constructor(socket: Promise<Socket>, silenceMs: number) {
    super()
    this.#silenceMs = silenceMs
    void this.#expectGreeting()
    socket.then(
      (reached) => this.#use(reached),
      (error: Error) => this.destroy(error),
    )
  }

  /** The library asks this of a socket before it says goodbye. */
  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open'
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (!this.#isGreeted && !isGreeting(bytes)) return void this.destroy()
    this.#isGreeted = true
    this.#due ??= setTimeout(() => this.destroy(fault('ETIMEDOUT', 'the server is silent')), this.#silenceMs).unref()
    if (this.#socket === undefined) this.#first = () => this.#socket?.write(bytes, done)
    else this.#socket.write(bytes, done)
  }

  override _read(): void {
    this.#socket?.resume()
  }

  override _final(done: () => void): void {
    this.#socket?.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#due)
    this.#socket?.destroy()
    done(error)
  }

  /** The library greets when it is given the line and writes at the end of that turn of the loop. */
  async #expectGreeting(): Promise<void> {
    for (let turn = 0; turn < GREETED_WITHIN_TURNS; turn += 1)
      await new Promise<void>((resolve) => setImmediate(resolve))
    if (!this.#isGreeted) this.destroy()
  }

  #use(socket: Socket): void {
    if (this.destroyed) return void socket.destroy()

    this.#socket = socket
    socket.on('data', (bytes) => {
      clearTimeout(this.#due)
      this.#due = undefined
      if (!this.push(bytes)) socket.pause()
    })
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
    this.#first?.()
  }
}

async function reach(address: Address, options: LineOptions): Promise<Socket> {
  let failure: unknown = new Error('no host to connect to')
  for (const [at, host] of address.host.entries()) {
    try {
      const plain = connectTcp({ host, port: address.port[at] ?? 5432, noDelay: true, keepAlive: true })
      await heard(plain, 'connect', options.connectMs)
      return options.tls === undefined ? plain : await encrypted(plain, host, options)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/** "SSLRequest" of the protocol; the server answers with one byte, S or N. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

async function encrypted(plain: Socket, host: string, options: LineOptions): Promise<Socket> {
  plain.write(SSL_REQUEST)
  const answer = await heard<Buffer>(plain, 'data', options.connectMs)
  // More than the one byte would be plain text, put in by somebody between us to be taken for encrypted.
  if (answer.toString('latin1') !== 'S') {
    plain.destroy()
    throw fault('CONNECTION_CLOSED', 'the server does not speak TLS')
  }
  const name = isIP(host) === 0 ? { servername: host } : {}
  const secure = connectTls({ socket: plain, ...name, ...options.tls })
  await heard(secure, 'secureConnect', options.connectMs).catch((cause: Error) => {
    throw fault('CONNECTION_CLOSED', `TLS: ${cause.message}`)
  })
  return secure
}

/** The first `event` of a socket; its error, and the end of the socket, when it does not come in time. */
function heard<T>(socket: Socket, event: string, withinMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer)
      socket.off('error', fail).off('close', closed).off(event, arrive)
      settle()
    }
    const arrive = (what: T) => finish(() => resolve(what))
    const fail = (error: Error) =>
      finish(() => {
        socket.destroy()
        reject(error)
      })
    const closed = () => fail(fault('CONNECTION_CLOSED', 'closed by the server'))
    const timer = setTimeout(() => fail(fault('CONNECT_TIMEOUT', `no ${event} in time`)), withinMs)
    socket.once('error', fail).once('close', closed).once(event, arrive)
  })
}

/** An error in the library's words, so that asFault knows it. */
function fault(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
