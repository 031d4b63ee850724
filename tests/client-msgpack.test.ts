/** The client's own MessagePack, held against msgpackr, against the node's strict decoder, and against what is broken. */
import fc from 'fast-check'
import { Packr, unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { msgpack } from '../client/msgpack.ts'
import { writeMsgpack } from '../client/msgpack-writer.ts'
import { decodeFrame, encode } from '../protocol/codec.ts'
import type { Snapshot } from '../protocol/messages/snapshot.ts'
import type { Up } from '../protocol/up.ts'
import { dropOf } from './builders/people.ts'

const packr = new Packr({ useRecords: false })
const SHOES = dropOf('shoes')
const LINES = [{ sku: 'shoe', qty: 1 }]

const read = (bytes: Uint8Array) => msgpack.read(new Uint8Array(bytes).buffer)

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((float) => (Object.is(float, -0) ? 0 : float)),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.string({ minLength: 250, maxLength: 260 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string({ maxLength: 20 }), tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value

describe('the client’s MessagePack', () => {
  it('[J19] reads what msgpackr writes, and msgpackr what it writes', () => {
    fc.assert(
      fc.property(values, (value) => {
        const frame = { value }
        expect(read(packr.pack(frame))).toEqual(frame)
        expect(unpack(writeMsgpack(frame))).toEqual(frame)
        expect(read(writeMsgpack(frame))).toEqual(frame)
      }),
      { numRuns: 300 },
    )
    const long = { text: 'ä'.repeat(40_000), list: Array.from({ length: 70_000 }, (_, n) => n) }
    expect(read(packr.pack(long))).toEqual(long)
    expect(unpack(writeMsgpack(long))).toEqual(long)
  })

  it('[J19] writes what the node’s strict decoder takes, whatever an app puts into a text', () => {
    const order = { type: 'order', id: '\ud800 half a letter', drop: SHOES, key: 'k', lines: LINES }
    const frame = msgpack.write(order as unknown as Up)

    expect(decodeFrame(new Uint8Array(frame as Uint8Array), 'msgpack')).toMatchObject({
      messages: [{ message: { id: '\ufffd half a letter', lines: LINES } }],
    })
  })

  it('[J19] takes nothing that is cut off, followed by more, unknown, too deep, or longer than its frame', () => {
    const whole = packr.pack({ type: 'news', at: 1_800_000_000_000, changes: ['ä', -5, 70_000, 1.5, null] })
    for (let length = 0; length < whole.length; length += 1) expect(read(whole.subarray(0, length))).toBeUndefined()
    expect(read(Buffer.concat([whole, Buffer.of(0xc0)]))).toBeUndefined()
    for (const broken of ['c1', 'd40101', 'dd7fffffff', 'df7fffffff', '91'.repeat(40), '819001', 'a1']) {
      expect(read(Buffer.from(broken, 'hex')), broken).toBeUndefined()
    }
    expect(msgpack.read('{"type":"news"}')).toBeUndefined()

    const taken = read(Buffer.from('81a95f5f70726f746f5f5f81a170c3', 'hex')) // {"__proto__": {"p": true}}
    expect(Object.keys(taken as object)).toEqual(['__proto__'])
    expect((taken as { p?: unknown }).p).toBeUndefined()
  })

  it('[J19] makes a snapshot smaller', () => {
    const items = Array.from({ length: 4 }, (_, n) => ({
      ...{ sku: `SHIRT-${n}`, title: `Tour shirt ${n}`, priceMinor: 4900, currency: 'EUR' },
      ...{ stock: 300, left: 300 - n, limit: 2 },
    }))
    const snapshot = {
      ...{ type: 'snapshot', id: `w${SHOES}`, drop: SHOES, position: { epoch: 3, seq: 190 }, phase: 'open' },
      ...{ opensAtMs: 1_800_000_000_000, items, viewers: 812, mine: [], recovered: false },
    } as unknown as Snapshot
    const sizes = (['json', 'msgpack'] as const).map((format) => Buffer.from(encode(snapshot, format)).length)

    expect(read(encode(snapshot, 'msgpack') as Uint8Array)).toEqual(snapshot)
    console.log(`a snapshot of four items: ${sizes[0]} bytes of JSON, ${sizes[1]} of MessagePack`)
    expect(sizes[1]).toBeLessThan(sizes[0] ?? 0)
  })
})
