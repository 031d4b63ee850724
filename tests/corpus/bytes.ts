/**
 * Bytes that readers of JSON and MessagePack have stumbled over, each with a name. As a frame each is noise: it is
 * answered with `bad_frame`, and the third ends the socket. As a body on the bus each is ignored.
 */
export interface NamedBytes {
  name: string
  bytes: Uint8Array
}

type Part = number | string | Uint8Array | readonly Part[]

export const bytesOf = (...parts: Part[]): Uint8Array =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.from([part])
      return typeof part === 'string' ? Buffer.from(part) : part instanceof Uint8Array ? part : bytesOf(...part)
    }),
  )

/** The smallest map that holds a value: {"a": …}. */
export const under = (...value: Part[]) => bytesOf(0x81, 0xa1, 'a', ...value)

const huge = [0xff, 0xff, 0xff, 0xff]
const named = (rows: readonly (readonly [string, Uint8Array])[]): NamedBytes[] =>
  rows.map(([name, bytes]) => ({ name, bytes }))

/** Nothing that the strict decoder takes. A general one takes some. */
export const NOT_STRICT: NamedBytes[] = named([
  ['nothing', bytesOf()],
  ['0xc1, which is nothing', bytesOf(0xc1)],
  ['0xc1 in a map', under(0xc1)],
  ['bytes after the value', bytesOf(1, 2)],
  ['bin8', under(0xc4, 1, 0)],
  ['bin16', under(0xc5, 0, 1, 0)],
  ['bin32', under(0xc6, 0, 0, 0, 1, 0)],
  ['ext8: an error of msgpackr', under(0xc7, 4, 0x65, 0x93, 0xa1, 'a', 0xc0)],
  ['fixext1: a record of msgpackr', bytesOf(0xd4, 0x72, 0x40, 0x91, 0xa1, 'a', 1)],
  ['a record without its fields', bytesOf(0xd4, 0x72, 0x40)],
  ['a record of two bytes', bytesOf(0xd5, 0x72, 0x40, 0x91, 0xa1, 'a')],
  ['a timestamp', under(0xd6, 0xff, 0, 0, 0, 1)],
  ['a regular expression of msgpackr', bytesOf(0xc7, 0x0c, 0x78, 0x92, 0xa8, '(a+)+$!!', 0xa0)],
  ['a regular expression in a map', under(0xc7, 3, 0x78, 0x92, 0xa0, 0xa0)],
  ['uint64 over 2^53', under(0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0)],
  ['the largest uint64', bytesOf(0xcf, huge, huge)],
  ['int64 under -2^53', under(0xd3, 0xff, 0xdf, huge, 0xff, 0xff)],
  ['NaN', under(0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0)],
  ['infinity', under(0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0)],
  ['a 32-bit infinity', under(0xca, 0xff, 0x80, 0, 0)],
  ['invalid UTF-8', under(0xa1, 0xff)],
  ['a lone surrogate in UTF-8', under(0xa3, 0xed, 0xa0, 0x80)],
  ['an overlong form', under(0xa2, 0xc0, 0x80)],
  ['a key that comes twice', bytesOf(0x82, 0xa1, 'a', 1, 0xa1, 'a', 2)],
  ['a key that comes twice, once written longer', bytesOf(0x82, 0xa1, 'a', 1, 0xd9, 1, 'a', 2)],
  ['__proto__', bytesOf(0x81, 0xa9, '__proto__', 0x81, 0xa4, 'drop', 0xa1, 'a')],
  ['constructor', bytesOf(0x81, 0xab, 'constructor', 0x80)],
  ['prototype', bytesOf(0x81, 0xa9, 'prototype', 0x80)],
  ['a number for a key', bytesOf(0x81, 1, 1)],
  ['a map for a key', bytesOf(0x81, 0x81, 1, 2, 3)],
  ['nil for a key', bytesOf(0x81, 0xc0, 1)],
  ['an array cut short', bytesOf(0x92, 1)],
  ['a map cut short', bytesOf(0x81, 0xa1, 'a')],
  ['a text cut short', bytesOf(0xd9, 5, 'a')],
  ['a number cut short', bytesOf(0xcf, 0, 0)],
  ['array32 of 4 billion', bytesOf(0xdd, huge)],
  ['array32 of 4 billion, one there', bytesOf(0xdd, huge, 1)],
  ['map32 of 4 billion', bytesOf(0xdf, huge)],
  ['str32 of 4 GB', bytesOf(0xdb, huge, 'a')],
  ['bin32 of 4 GB', bytesOf(0xc6, huge)],
  ['ext32 of 4 GB', bytesOf(0xc9, huge, 1)],
  ['arrays nested 4,000 deep', Buffer.alloc(4_000, 0x91)],
  ['maps nested 1,300 deep', bytesOf(...Array(1_300).fill(bytesOf(0x81, 0xa1, 'a')), 1)],
  ['maps nested in their keys', Buffer.alloc(4_000, 0x81)],
])

export const MSGPACK_NOISE: NamedBytes[] = [
  ...NOT_STRICT,
  ...named([
    ['a text, not a message', bytesOf(0xa5, 'order')],
    ['no messages', bytesOf(0x90)],
    ['65 messages', bytesOf(0xdc, 0, 65, Buffer.alloc(65, 0x80))],
  ]),
]

/** More than a frame may hold; a bus carries them. */
export const MSGPACK_LARGE: NamedBytes[] = named([
  ['arrays nested 16,000 deep', Buffer.alloc(16_000, 0x91)],
  ['maps nested 8,000 deep', bytesOf(...Array(8_000).fill(bytesOf(0x81, 0xa1, 'a')))],
])

export const JSON_NOISE: NamedBytes[] = named([
  ['nothing', bytesOf()],
  ['a brace', bytesOf('{')],
  ['a text', bytesOf('"order"')],
  ['a number', bytesOf('1e400')],
  ['null', bytesOf('null')],
  ['no messages', bytesOf('[]')],
  ['65 messages', bytesOf(`[${Array(65).fill('{}').join()}]`)],
  ['two messages in a row', bytesOf('{"type":"hello"}{"type":"hello"}')],
  ['a comma too many', bytesOf('{"type":"clock","t0":1,}')],
  ['a comment', bytesOf('{"type":"clock"/**/,"t0":1}')],
  ['NaN', bytesOf('{"type":"clock","t0":NaN}')],
  ['a raw NUL in a text', bytesOf('{"type":"clo\0ck"}')],
  ['a byte order mark', bytesOf(0xef, 0xbb, 0xbf, '{"type":"clock","t0":1}')],
  ['UTF-16', Buffer.from('{"type":"clock","t0":1}', 'utf16le')],
  ['arrays nested 2,000 deep', bytesOf('['.repeat(2_000), ']'.repeat(2_000))],
  ['arrays nested and never closed', bytesOf('['.repeat(4_096))],
  ['objects nested 500 deep', bytesOf('{"a":'.repeat(500), '1', '}'.repeat(500))],
  [
    'a message nested too deep in a field nobody reads',
    bytesOf('{"type":"clock","t0":1,"x":', '['.repeat(9), ']'.repeat(9), '}'),
  ],
])

/** In a WebSocket's text frame the library under the transport does not let it through: it ends the connection. */
export const NOT_UTF8: NamedBytes[] = named([
  ['invalid UTF-8', bytesOf('{"type":"', 0xff, '"}')],
  ['a lone surrogate in UTF-8', bytesOf('"', 0xed, 0xa0, 0x80, '"')],
  ['an overlong form', bytesOf('"', 0xc0, 0x80, '"')],
  ['MessagePack', bytesOf(0x81, 0xa4, 'type', 0xa5, 'clock')],
])
