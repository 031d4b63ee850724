/** Reads one MessagePack value of a frame. Throws RangeError for whatever a node does not send, and for what is cut off. */
const DEPTH_MAX = 16

export class MsgpackReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(frame: ArrayBuffer) {
    this.#bytes = new Uint8Array(frame)
    this.#view = new DataView(frame)
  }

  whole(): unknown {
    const value = this.#value(0)
    if (this.#at !== this.#bytes.length) throw new RangeError('bytes behind the value')
    return value
  }

  #value(depth: number): unknown {
    const view = this.#view
    const head = this.#uint(1)
    if (head < 0x80) return head
    if (head < 0x90) return this.#map(head & 0x0f, depth)
    if (head < 0xa0) return this.#array(head & 0x0f, depth)
    if (head < 0xc0) return this.#text(head & 0x1f)
    if (head >= 0xe0) return head - 0x100
    if (head === 0xc0) return null
    if (head === 0xc2 || head === 0xc3) return head === 0xc3
    if (head === 0xca) return view.getFloat32(this.#skip(4))
    if (head === 0xcb) return view.getFloat64(this.#skip(8))
    // 2^53 is past every time and count; what is larger loses its last digits, as it does in JSON.
    if (head >= 0xcc && head <= 0xce) return this.#uint(1 << (head - 0xcc))
    if (head === 0xcf) return this.#uint(4) * 2 ** 32 + this.#uint(4)
    if (head === 0xd0) return view.getInt8(this.#skip(1))
    if (head === 0xd1) return view.getInt16(this.#skip(2))
    if (head === 0xd2) return view.getInt32(this.#skip(4))
    if (head === 0xd3) return view.getInt32(this.#skip(4)) * 2 ** 32 + this.#uint(4)
    if (head >= 0xd9 && head <= 0xdb) return this.#text(this.#uint(1 << (head - 0xd9)))
    if (head === 0xdc || head === 0xdd) return this.#array(this.#uint(head === 0xdc ? 2 : 4), depth)
    if (head === 0xde || head === 0xdf) return this.#map(this.#uint(head === 0xde ? 2 : 4), depth)
    throw new RangeError('no such value on this wire')
  }

  /** Passes over bytes that must be there, and answers where they begin. */
  #skip(count: number): number {
    const from = this.#at
    if (count > this.#bytes.length - from) throw new RangeError('cut off')
    this.#at = from + count
    return from
  }

  #uint(bytes: number): number {
    const at = this.#skip(bytes)
    if (bytes === 1) return this.#view.getUint8(at)
    return bytes === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at)
  }

  #text(length: number): string {
    const end = this.#skip(length) + length
    let text = ''
    for (let at = end - length; at < end; ) {
      const byte = this.#bytes[at] ?? 0
      const more = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
      let point = more === 0 ? byte : byte & (0x3f >> more)
      for (let n = 1; n <= more; n += 1) point = (point << 6) | ((this.#bytes[at + n] ?? 0) & 0x3f)
      text += String.fromCodePoint(point)
      at += more + 1
    }
    return text
  }

  /** A length is believed only as far as the frame can hold it: nothing is made on its word. */
  #array(count: number, depth: number): unknown[] {
    this.#fits(count, depth)
    const array: unknown[] = []
    for (let n = 0; n < count; n += 1) array.push(this.#value(depth + 1))
    return array
  }

  #map(count: number, depth: number): Record<string, unknown> {
    this.#fits(count * 2, depth)
    const entries: [string, unknown][] = []
    for (let n = 0; n < count; n += 1) entries.push([String(this.#value(DEPTH_MAX)), this.#value(depth + 1)])
    return Object.fromEntries(entries) // which sets own fields, `__proto__` too
  }

  #fits(values: number, depth: number): void {
    if (depth >= DEPTH_MAX || values > this.#bytes.length - this.#at) throw new RangeError('too deep, or cut off')
  }
}
