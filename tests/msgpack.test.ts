/** The strict MessagePack decoder: what it reads, and everything it does not. */
import fc from 'fast-check'
import { Packr, pack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { decodeMsgpack } from '../protocol/msgpack-decoder.ts'
import { bytesOf as bytes, NOT_STRICT, under } from './corpus/bytes.ts'

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

  it.each(NOT_STRICT.map(({ name, bytes }) => [name, bytes] as const))('[C6] refuses %s', (_, frame) => {
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
