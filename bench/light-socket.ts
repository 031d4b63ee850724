/**
 * A WebSocket client that costs as little as possible, for load generators.
 *
 * The generator shares its cores with the node that it measures, so every microsecond it takes is taken from the result.
 * This one speaks RFC 6455 to a server that is known: text frames, no extensions, no fragments. Frames go out masked, as
 * the standard asks, with a key of zeros, which leaves the bytes as they are. Whatever it does not expect ends it.
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

export interface LightEars {
  open(): void
  /** One text frame. The bytes are only good during the call. */
  text(bytes: Buffer): void
  /** Once, however it ended; 1006 without a close frame. */
  close(code: number): void
}

const OPCODE = { text: 0x1, close: 0x8, ping: 0x9, pong: 0xa } as const
const FINAL = 0x80
const MASKED = 0x80
const CONNECT_WITHIN_MS = 10_000
const EMPTY = Buffer.alloc(0)

/** One for all sockets of the process: what is read is handed over before the next one is read. */
const READ_BUFFER = Buffer.allocUnsafe(64 * 1024)

export class LightSocket {
  readonly #socket: Socket
  readonly #ears: LightEars
  #rest: Buffer = EMPTY
  #open = false
  #code = 1006

  constructor(url: string, subprotocol: string, ears: LightEars) {
    const { hostname, port, pathname } = new URL(url)
    this.#ears = ears
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: { buffer: READ_BUFFER, callback: (bytes) => this.#read(READ_BUFFER.subarray(0, bytes)) },
    })
    this.#socket.setTimeout(CONNECT_WITHIN_MS, () => this.#open || this.#socket.destroy())
    this.#socket.on('connect', () => this.#socket.write(handshake(hostname, port, pathname, subprotocol)))
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('close', () => this.#ears.close(this.#code))
  }

  get isOpen(): boolean {
    return this.#open && this.#socket.writable
  }

  send(text: string): void {
    this.#frame(OPCODE.text, Buffer.from(text))
  }

  close(code: number): void {
    this.#code = code
    const body = Buffer.alloc(2)
    body.writeUInt16BE(code)
    if (this.isOpen) this.#frame(OPCODE.close, body)
    this.#socket.end()
  }

  /** Gone at once, without a word: what a phone in a lift does. */
  cut(): void {
    this.#open = false
    this.#socket.destroy()
  }

  #frame(opcode: number, body: Buffer): void {
    const isShort = body.length < 126
    const headBytes = (isShort ? 2 : 4) + 4
    const frame = Buffer.alloc(headBytes + body.length)
    frame[0] = FINAL | opcode
    frame[1] = MASKED | (isShort ? body.length : 126)
    if (!isShort) frame.writeUInt16BE(body.length, 2)
    frame.set(body, headBytes)
    this.#socket.write(frame)
  }

  /** Answers whether to go on reading. */
  #read(fresh: Buffer): boolean {
    let bytes = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh])
    if (!this.#open) bytes = this.#greet(bytes)

    for (let size = frameSize(bytes); this.#open && size > 0 && size <= bytes.length; size = frameSize(bytes)) {
      this.#hear(bytes.subarray(0, size))
      bytes = bytes.subarray(size)
    }
    // A copy: the buffer is everybody's.
    this.#rest = bytes.length === 0 ? EMPTY : Buffer.from(bytes)
    return true
  }

  #greet(bytes: Buffer): Buffer {
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) return bytes
    if (bytes.toString('latin1', 9, 12) !== '101') {
      this.#socket.destroy()
      return EMPTY
    }
    this.#open = true
    this.#ears.open()
    return bytes.subarray(end + 4)
  }

  #hear(frame: Buffer): void {
    const opcode = (frame[0] ?? 0) & 0x0f
    const body = frame.subarray(headSize(frame))
    if (opcode === OPCODE.text) this.#ears.text(body)
    else if (opcode === OPCODE.ping) this.#frame(OPCODE.pong, Buffer.from(body))
    else {
      if (opcode === OPCODE.close && body.length >= 2) this.#code = body.readUInt16BE(0)
      this.#open = false
      this.#socket.destroy()
    }
  }
}

function handshake(host: string, port: string, path: string, subprotocol: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: ${subprotocol}`,
    '\r\n',
  ].join('\r\n')
}

function headSize(bytes: Buffer): number {
  const length = (bytes[1] ?? 0) & 0x7f
  return length === 127 ? 10 : length === 126 ? 4 : 2
}

/** Of the first frame, with its head; 0 while not even that can be told. */
function frameSize(bytes: Buffer): number {
  const head = bytes.length < 2 ? 0 : headSize(bytes)
  if (head === 0 || bytes.length < head) return 0
  if (head === 2) return 2 + ((bytes[1] ?? 0) & 0x7f)

  return head === 4 ? 4 + bytes.readUInt16BE(2) : 10 + Number(bytes.readBigUInt64BE(2))
}
