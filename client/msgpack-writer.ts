/** Writes a message as MessagePack, each value in its shortest form. Fields that are undefined are left out, as in JSON. */
export function writeMsgpack(message: object): Uint8Array<ArrayBuffer> {
  const bytes: number[] = []
  write(bytes, message)
  return new Uint8Array(bytes)
}

function write(bytes: number[], value: unknown): void {
  if (value === null || value === undefined) bytes.push(0xc0)
  else if (typeof value === 'boolean') bytes.push(value ? 0xc3 : 0xc2)
  else if (typeof value === 'number') writeNumber(bytes, value)
  else if (typeof value === 'string') writeText(bytes, value)
  else if (Array.isArray(value)) {
    writeHead(bytes, value.length, 0x90, 0x0f, [0xdc, 0xdd])
    for (const one of value) write(bytes, one)
  } else {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined)
    writeHead(bytes, fields.length, 0x80, 0x0f, [0xde, 0xdf])
    for (const [name, field] of fields) {
      writeText(bytes, name)
      write(bytes, field)
    }
  }
}

function writeNumber(bytes: number[], value: number): void {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) {
    if (value < 0x80) bytes.push(value)
    else if (value < 0x100) bytes.push(0xcc, value)
    else if (value < 0x10000) bytes.push(0xcd, ...bigEndian(value, 2))
    else bytes.push(0xce, ...bigEndian(value, 4))
    return
  }
  const float = new DataView(new ArrayBuffer(8))
  float.setFloat64(0, value)
  bytes.push(0xcb, ...new Uint8Array(float.buffer))
}

function writeText(bytes: number[], text: string): void {
  const utf8: number[] = []
  for (const letter of text) {
    const point = letter.codePointAt(0) ?? 0
    // Half of a pair is no letter: the strict decoder of the node would refuse the whole frame.
    writePoint(utf8, point >= 0xd800 && point < 0xe000 ? 0xfffd : point)
  }
  writeHead(bytes, utf8.length, 0xa0, 0x1f, utf8.length < 0x100 ? [0xd9] : [0xda, 0xdb])
  for (const byte of utf8) bytes.push(byte)
}

function writePoint(utf8: number[], point: number): void {
  const tail = (shift: number) => 0x80 | ((point >> shift) & 0x3f)
  if (point < 0x80) utf8.push(point)
  else if (point < 0x800) utf8.push(0xc0 | (point >> 6), tail(0))
  else if (point < 0x10000) utf8.push(0xe0 | (point >> 12), tail(6), tail(0))
  else utf8.push(0xf0 | (point >> 18), tail(12), tail(6), tail(0))
}

/** A length: in the head itself, or in one, two or four bytes behind one of the `wide` heads. */
function writeHead(bytes: number[], length: number, short: number, shortMax: number, wide: [number, number?]): void {
  const [narrow, widest] = wide
  if (length <= shortMax) bytes.push(short | length)
  else if (widest === undefined) bytes.push(narrow, length)
  else if (length < 0x10000) bytes.push(narrow, ...bigEndian(length, 2))
  else bytes.push(widest, ...bigEndian(length, 4))
}

function bigEndian(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => (value >>> (8 * (count - 1 - n))) & 0xff)
}
