/** The strict MessagePack decoder: what it reads, and everything it does not. */
import fc from 'fast-check'
import { Packr, pack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { decodeMsgpack } from '../protocol/msgpack-decoder.ts'

const bytes = (...parts: (number | string | Uint8Array)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part as string))))
/** The smallest map that holds a value: {"a": …}. */
const under = (...value: (number | string | Uint8Array)[]) => bytes(0x81, 0xa1, 'a', ...value)

describe('the MessagePack decoder', () => {
  it('[C6] reads everything that JSON could say, as msgpackr writes it', () => {
    const packr = new Packr({ useRecords: false })
    // By way of text, for JSON itself cannot say -0.
    const json = fc
      .jsonValue({ maxDepth: 5, stringUnit: 'grapheme' })
      .filter((value) => !hasReserved(value))
      .map((value): unknown => JSON.parse(JSON.stringify(value)))
    fc.assert(
      fc.property(json, (value) => {
        expect(decodeMsgpack(packr.pack(value))).toEqual(value)
      }),
      { numRuns: 2_000 },
    )
  })

  it('[C6] reads every width of numbers and lengths', () => {
    const text = 'ä'.repeat(40)
    const cases: [Uint8Array, unknown][] = [
      [bytes(0x7f), 127],
      [bytes(0xe0), -32],
      [bytes(0xcc, 0xff), 255],
      [bytes(0xcd, 0xff, 0xff), 65_535],
      [bytes(0xce, 0xff, 0xff, 0xff, 0xff), 4_294_967_295],
      [bytes(0xcf, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), Number.MAX_SAFE_INTEGER],
      [bytes(0xd0, 0x80), -128],
      [bytes(0xd1, 0x80, 0), -32_768],
      [bytes(0xd2, 0x80, 0, 0, 0), -2_147_483_648],
      [bytes(0xd3, 0xff, 0xe0, 0, 0, 0, 0, 0, 1), Number.MIN_SAFE_INTEGER],
      [bytes(0xca, 0x3f, 0xc0, 0, 0), 1.5],
      [bytes(0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0), 1.5],
      [bytes(0xd9, 80, text), text],
      [bytes(0xda, 0, 80, text), text],
      [bytes(0xdb, 0, 0, 0, 80, text), text],
      [bytes(0xdc, 0, 1, 0xc0), [null]],
      [bytes(0xdd, 0, 0, 0, 1, 0xc2), [false]],
      [bytes(0xde, 0, 1, 0xa1, 'a', 0xc3), { a: true }],
      [bytes(0xdf, 0, 0, 0, 1, 0xa1, 'a', 1), { a: 1 }],
    ]
    for (const [frame, value] of cases) expect(decodeMsgpack(frame), Buffer.from(frame).toString('hex')).toEqual(value)
  })

  it('[C6] reads from the middle of a larger buffer', () => {
    const whole = new Uint8Array(bytes(9, 9, ...under('', 5), 9))

    expect(decodeMsgpack(whole.subarray(2, whole.length - 1))).toEqual({ a: 5 })
  })

  it.each<[string, Uint8Array]>([
    ['nothing', bytes()],
    ['0xc1, which is nothing', under(0xc1)],
    ['bytes after the value', bytes(1, 2)],
    ['bin8', under(0xc4, 1, 0)],
    ['bin16', under(0xc5, 0, 1, 0)],
    ['bin32', under(0xc6, 0, 0, 0, 1, 0)],
    ['ext8', under(0xc7, 1, 0x65, 0)],
    ['fixext1: a record of msgpackr', bytes(0xd4, 0x72, 0x40, 0x91, 0xa1, 'a', 1)],
    ['a timestamp', under(0xd6, 0xff, 0, 0, 0, 1)],
    ['a regular expression of msgpackr', under(0xc7, 3, 0x78, 0x92, 0xa0, 0xa0)],
    ['uint64 over 2^53', under(0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0)],
    ['int64 under -2^53', under(0xd3, 0xff, 0xdf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
    ['NaN', under(0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0)],
    ['infinity', under(0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0)],
    ['a 32-bit infinity', under(0xca, 0xff, 0x80, 0, 0)],
    ['invalid UTF-8', under(0xa1, 0xff)],
    ['a lone surrogate in UTF-8', under(0xa3, 0xed, 0xa0, 0x80)],
    ['an overlong form', under(0xa2, 0xc0, 0x80)],
    ['a key that comes twice', bytes(0x82, 0xa1, 'a', 1, 0xa1, 'a', 2)],
    ['a key that comes twice, once written longer', bytes(0x82, 0xa1, 'a', 1, 0xd9, 1, 'a', 2)],
    ['__proto__', bytes(0x81, 0xa9, '__proto__', 0x80)],
    ['constructor', bytes(0x81, 0xab, 'constructor', 0x80)],
    ['prototype', bytes(0x81, 0xa9, 'prototype', 0x80)],
    ['a number for a key', bytes(0x81, 1, 1)],
    ['a map for a key', bytes(0x81, 0x80, 1)],
    ['nil for a key', bytes(0x81, 0xc0, 1)],
    ['an array cut short', bytes(0x92, 1)],
    ['a map cut short', bytes(0x81, 0xa1, 'a')],
    ['a text cut short', bytes(0xa5, 'abc')],
    ['a number cut short', bytes(0xcf, 0, 0)],
  ])('[C6] refuses %s', (_, frame) => {
    expect(decodeMsgpack(frame)).toBeUndefined()
  })

  it('[C7] refuses lengths that the frame cannot hold, before it allocates', () => {
    const huge = [0xff, 0xff, 0xff, 0xff]
    const before = process.memoryUsage().rss
    for (let n = 0; n < 1_000; n += 1) {
      for (const head of [0xdb, 0xdd, 0xdf, 0xc6, 0xc9]) expect(decodeMsgpack(bytes(head, ...huge, 1))).toBeUndefined()
    }

    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
  })

  it('[C7] refuses what is nested too deep, however deep', () => {
    const arrays = (levels: number) => bytes(...Array(levels).fill(0x91), 1)

    expect(decodeMsgpack(arrays(8))).toBeDefined()
    expect(decodeMsgpack(arrays(9))).toBeUndefined()
    expect(decodeMsgpack(arrays(100_000))).toBeUndefined()
    expect(
      decodeMsgpack(
        bytes(
          ...Array(8_000)
            .fill(0)
            .flatMap(() => [0x81, 0xa1, 'a']),
          1,
        ),
      ),
    ).toBeUndefined()
    expect(decodeMsgpack(bytes(...Array(8_000).fill(0x81), 1))).toBeUndefined()
  })

  it('[C6] never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (frame) => {
        decodeMsgpack(frame)
      }),
      { numRuns: 5_000 },
    )
  })

  it('[C6] keeps no view of the frame', () => {
    const frame = new Uint8Array(pack({ name: 'a text that is long enough to be sliced', short: 'abc' }))
    const value = decodeMsgpack(frame)
    frame.fill(0xff)

    expect(value).toEqual({ name: 'a text that is long enough to be sliced', short: 'abc' })
  })
})

function hasReserved(value: unknown): boolean {
  return /__proto__|constructor|prototype/.test(JSON.stringify(value))
}
