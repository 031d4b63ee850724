/** The wire codec: what strangers send, and what they are sent. */
import fc from 'fast-check'
import { pack, unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { type Decoded, decodeFrame, encode, FRAME_BYTES_MAX, withId } from '../protocol/codec.ts'
import type { Down } from '../protocol/down.ts'
import { type DropId, isIdempotencyKey } from '../protocol/ids.ts'
import { orderSchema } from '../protocol/messages/order.ts'
import { type Up, upSchema } from '../protocol/up.ts'
import { readOrder } from '../protocol/up-reader.ts'
import { FORMATS, type Format } from '../protocol/version.ts'
import { ask, dropOf, keyOf, sku, uuidOf } from './builders/people.ts'
import { WRONG_SHAPES, wrongFields } from './corpus/messages.ts'

const DROP = dropOf('shoes')
const order = { type: 'order', id: 1, drop: DROP, key: 'k1', lines: [{ sku: 'RED-M', qty: 1 }] }

const bytesOf = (value: unknown, format: Format): Uint8Array =>
  format === 'json' ? Buffer.from(JSON.stringify(value)) : pack(value)
const decode = (value: unknown, format: Format): Decoded => decodeFrame(bytesOf(value, format), format)

/** What became of each message, in words. */
function words(decoded: Decoded): unknown {
  if ('fault' in decoded) return decoded.fault.code

  return decoded.messages.map((heard) =>
    'message' in heard ? heard.message.type : { code: heard.fault.code, message: heard.fault.message, id: heard.id },
  )
}

describe.each(FORMATS)('a %s frame', (format) => {
  it('[C1] is messages or a fault, whatever its bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const decoded = decodeFrame(bytes, format)
        return 'fault' in decoded || decoded.messages.length > 0
      }),
      { numRuns: 3_000 },
    )
  })

  it('[C1] is messages or a fault after any damage to a good one', () => {
    const damage = fc.tuple(
      messages,
      fc.nat(),
      fc.nat({ max: 255 }),
      fc.constantFrom('flip', 'cut', 'repeat', 'splice'),
    )
    fc.assert(
      fc.property(damage, ([message, where, byte, how]) => {
        const good = bytesOf(message, format)
        const at = where % good.length
        const [head, tail] = [good.subarray(0, at), good.subarray(at)]
        const damaged = {
          flip: Buffer.concat([head, Buffer.from([byte]), tail.subarray(1)]),
          cut: head,
          repeat: Buffer.concat([good, good]),
          splice: Buffer.concat([head, good, tail]),
        }[how]
        const decoded = decodeFrame(damaged, format)
        return 'fault' in decoded || decoded.messages.length > 0
      }),
      { numRuns: 3_000 },
    )
  })

  it('[C2] reads back every message that a client may say', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(decode(message, format)).toEqual({ messages: [{ message }] })
      }),
      { numRuns: 1_000 },
    )
  })

  it('[C3] holds one message or 1 to 64 of them', () => {
    expect(words(decode(order, format))).toEqual(['order'])
    expect(words(decode(Array(40).fill({ type: 'clock', t0: 1 }), format))).toHaveLength(40)
    expect(words(decode([], format))).toBe('bad_frame')
    expect(words(decode(Array(65).fill(0), format))).toBe('bad_frame')
    for (const scalar of [1, 'order', true, null]) expect(words(decode(scalar, format))).toBe('bad_frame')
  })

  it('[C3] answers a bad message of an array by itself, and the others go on', () => {
    const decoded = decode([order, { type: 'dance', id: 7 }, 5, { ...order, key: '' }, { type: 'hello' }], format)

    expect(words(decoded)).toEqual([
      'order',
      { code: 'unknown_type', message: 'unknown type', id: 7 },
      { code: 'bad_request', message: 'a message is a map with a type', id: undefined },
      expect.objectContaining({ code: 'bad_request', id: 1 }),
      'hello',
    ])
  })

  it('[C4] names the field that is wrong, and echoes the id where it can be read', () => {
    const wrong: [unknown, string, unknown][] = [
      [{ ...order, lines: [{ sku: 'RED-M', qty: 1.5 }] }, 'lines.0.qty: ', 1],
      [{ ...order, drop: 'ld:{x}:r', id: 'a' }, 'drop: ', 'a'],
      [{ ...order, id: -1 }, 'id: ', undefined],
      [{ ...order, id: { $ne: 1 } }, 'id: ', undefined],
      [{ type: 7, id: 3 }, 'type: ', 3],
      [{ id: 3 }, 'type: ', 3],
      [{ type: 'watch', id: 3, drop: DROP, position: { epoch: 1, seq: -1 } }, 'position.seq: ', 3],
    ]
    for (const [message, path, id] of wrong) {
      const decoded = decode(message, format)
      const [heard] = 'messages' in decoded ? decoded.messages : []
      if (heard === undefined || 'message' in heard) throw new Error(`read: ${JSON.stringify(message)}`)

      expect(heard.fault.code).toBe('bad_request')
      expect(heard.fault.message.startsWith(path), heard.fault.message).toBe(true)
      expect(heard.id).toBe(id)
    }
  })

  it('[C7] is refused above 4096 bytes, and deeper than any message', () => {
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])

    expect(words(decode({ ...order, pad: 'x'.repeat(FRAME_BYTES_MAX) }, format))).toBe('too_large')
    expect(words(decode({ type: 'clock', t0: 1, deep: deep(7) }, format))).toEqual(['clock'])
    expect(words(decode({ type: 'clock', t0: 1, deep: deep(8) }, format))).toBe('bad_frame')
    expect(words(decode(deep(1_000), format))).toBe('bad_frame')
  })

  it('[C8] may have fields that this version does not know; they are left out', () => {
    const decoded = decode(
      { ...order, user: uuidOf('somebody else'), lines: [{ sku: 'RED-M', qty: 1, price: 0 }] },
      format,
    )

    expect(decoded).toEqual({ messages: [{ message: order }] })
  })

  it('[C4] refuses every wrong field of the corpus', () => {
    for (const { name, message, code, id } of [...wrongFields(), ...WRONG_SHAPES]) {
      const bytes = bytesOf(JSON.parse(JSON.stringify(message)), format)
      if (bytes.length > FRAME_BYTES_MAX || /\\ud[89a-f]/.test(JSON.stringify(message))) continue
      expect(words(decodeFrame(bytes, format)), name).toEqual([expect.objectContaining({ code, id })])
    }
  })
})

describe('a JSON frame', () => {
  it('[C8] cannot reach a prototype', () => {
    const text = `{"type":"hello","__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}`
    const decoded = decodeFrame(Buffer.from(text), 'json')

    expect(decoded).toEqual({ messages: [{ message: { type: 'hello' } }] })
    expect(Object.keys('messages' in decoded ? (decoded.messages[0] ?? {}) : {})).toEqual(['message'])
    expect('isAdmin' in {}).toBe(false)
  })

  it('[C1] is valid UTF-8, without a byte order mark', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0xef, 0xbb, 0xbf, 0x7b, 0x7d],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      expect(words(decodeFrame(Uint8Array.from(bytes), 'json'))).toBe('bad_frame')
    }
  })

  it('[C1] may say numbers that no field takes', () => {
    expect(words(decodeFrame(Buffer.from('{"type":"clock","t0":1e400}'), 'json'))).toEqual([
      expect.objectContaining({ code: 'bad_request' }),
    ])
  })
})

describe('the reader written by hand', () => {
  it('[C5] takes exactly the orders that the schema takes', () => {
    fc.assert(
      fc.property(nearlyOrders, (value) => {
        const parsed = orderSchema.safeParse(value)
        expect(readOrder(value)).toEqual(parsed.success ? parsed.data : undefined)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('what is sent', () => {
  const snapshot: Down = {
    type: 'snapshot',
    drop: DROP,
    position: { epoch: 3, seq: 70_000 },
    phase: 'open',
    opensAtMs: 1_800_000_000_000,
    items: [
      { sku: sku('RED-M'), title: 'Schuh „rot“', priceMinor: 12_900, currency: 'EUR', stock: 10, left: 3, limit: null },
    ],
    viewers: 12,
    mine: [],
    recovered: false,
  }

  it.each(FORMATS)('[C9] is plain %s that any library reads, and a field without a value is absent', (format) => {
    const frame = encode({ ...snapshot, closesAtMs: undefined, id: undefined }, format)
    const read = typeof frame === 'string' ? JSON.parse(frame) : unpack(frame)

    expect(Object.keys(read)).toEqual(Object.keys(snapshot))
    expect(read).toEqual(snapshot)
  })

  it.each(FORMATS)('[C9] can be given an id in %s after it was encoded', (format) => {
    fc.assert(
      fc.property(requestIds, (id) => {
        const frame = withId(encode(snapshot, format), id)
        expect(typeof frame === 'string' ? JSON.parse(frame) : unpack(frame)).toEqual({ ...snapshot, id })
      }),
    )
  })
})

// --- arbitrary messages --------------------------------------------------------------------------------------------------

// Lone surrogates are not text: MessagePack cannot carry them, and JSON in UTF-8 neither.
const text = (max: number) => fc.string({ unit: 'grapheme', maxLength: max }).filter((s) => s.length <= max)
const requestIds = fc.oneof(
  text(64).filter((id) => id.length > 0),
  fc.maxSafeNat(),
)
const drops = fc.nat({ max: 50 }).map((n) => dropOf(String(n)) as DropId)
const keys = fc.stringMatching(/^[A-Za-z0-9._~-]{1,64}$/).filter(isIdempotencyKey)
const positions = fc.record({ epoch: fc.maxSafeNat(), seq: fc.maxSafeNat() })
const linesOf = fc
  .uniqueArray(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,12}$/), { minLength: 1, maxLength: 16 })
  .chain((skus) =>
    fc.tuple(...skus.map((name) => fc.record({ sku: fc.constant(sku(name)), qty: fc.integer({ min: 1, max: 1000 }) }))),
  )
const orders = fc.record({
  type: fc.constant('order' as const),
  id: requestIds,
  drop: drops,
  key: keys,
  lines: linesOf,
})

const messages: fc.Arbitrary<Up> = fc
  .oneof(
    orders,
    fc.record(
      { type: fc.constant('watch' as const), id: requestIds, drop: drops, position: positions },
      { requiredKeys: ['type', 'id', 'drop'] },
    ),
    fc.record(
      {
        type: fc.constant('cancel' as const),
        id: requestIds,
        orderId: fc.constant(ask(dropOf('1'), 'ana').orderId),
        drop: drops,
        key: keys,
      },
      { requiredKeys: ['type', 'id', 'orderId'] },
    ),
    fc.record({ type: fc.constant('unwatch' as const), id: requestIds, drop: drops }),
    fc.record({
      type: fc.constant('outcomes' as const),
      id: requestIds,
      drop: drops,
      keys: fc.array(keys, { minLength: 1, maxLength: 20 }),
    }),
    fc.record({ type: fc.constant('auth' as const), id: requestIds, token: text(200) }),
    fc.record({
      type: fc.constant('clock' as const),
      t0: fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true }).map((t) => t + 0),
    }),
    fc.record(
      {
        type: fc.constant('hello' as const),
        token: text(200),
        resume: fc.record(
          {
            ticket: text(50),
            drops: fc.array(fc.record({ drop: drops, position: positions }), { maxLength: 5 }),
            open: fc.array(fc.constant(keyOf('k1')), { maxLength: 5 }),
          },
          { requiredKeys: ['drops', 'open'] },
        ),
      },
      { requiredKeys: ['type'] },
    ),
  )
  .filter((message) => upSchema.safeParse(message).success)

const odd = fc.oneof(
  fc.constantFrom(null, undefined, '', 0, -0, -1, 1.5, 1000, 1001, Number.NaN, true, [], {}),
  fc.anything({ maxDepth: 1 }),
)
const nearlyOrders: fc.Arbitrary<Record<string, unknown>> = fc
  .tuple(orders, fc.constantFrom('none', 'type', 'id', 'drop', 'key', 'lines', 'sku', 'qty', 'more', 'twice'), odd)
  .map(([good, what, value]): Record<string, unknown> => {
    const [first, ...rest] = good.lines
    if (what === 'none') return { ...good, extra: value }
    if (what === 'sku' || what === 'qty') return { ...good, lines: [{ ...first, [what]: value }, ...rest] }
    if (what === 'more') return { ...good, lines: [...good.lines, value] }
    if (what === 'twice') return { ...good, lines: [...good.lines, first] }
    return { ...good, [what]: value }
  })
