import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CLOSE_CODES, comesBack } from '../protocol/close-codes.ts'
import { isDropId, isIdempotencyKey, isOrderId, isSku } from '../protocol/ids.ts'
import { formatLines, linesSchema, parseLines } from '../protocol/lines.ts'
import { comparePositions, formatPosition, parsePosition } from '../protocol/position.ts'
import { orderIdOf } from '../rooms/order-id.ts'
import { buyer, dropOf, keyOf, sku } from './builders/people.ts'

const line = fc.record({
  sku: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,10}$/).map(sku),
  qty: fc.integer({ min: 1, max: 1000 }),
})
const linesOf = fc.uniqueArray(line, { minLength: 1, maxLength: 16, selector: (one) => one.sku })

describe('names', () => {
  it('[W1] computes the same order id for the same drop, buyer and key, and another for any other', () => {
    const id = orderIdOf(dropOf('a'), buyer('ana'), keyOf('k'))

    expect(id).toBe(orderIdOf(dropOf('a'), buyer('ana'), keyOf('k')))
    expect(isOrderId(id)).toBe(true)
    const others = [
      orderIdOf(dropOf('b'), buyer('ana'), keyOf('k')),
      orderIdOf(dropOf('a'), buyer('bob'), keyOf('k')),
      orderIdOf(dropOf('a'), buyer('ana'), keyOf('K')),
    ]
    expect(new Set([id, ...others]).size).toBe(4)
  })

  it('[W1] is base32 of sha256, as an independent computation gives it', () => {
    // printf 'a|b|c' | sha256sum, base32 of its first 130 bits (RFC 4648), lower case
    expect(orderIdOf('a' as never, 'b' as never, 'c' as never)).toBe('uuw5qg75lzhgnwllt5myhaxwzp')
  })

  it.each(['', '{', 'x}', '*', 'a.b', '../x', 'é', 'A'.repeat(65), 'a\0b', 'a\n', "'; drop table orders"])(
    '[W2] takes %j for no id of any kind that could break out of a key or a subject',
    (text) => {
      expect(isDropId(text) || isOrderId(text)).toBe(false)
      if (text !== 'a.b') expect(isSku(text) || isIdempotencyKey(text)).toBe(false)
    },
  )
})

describe('lines', () => {
  it('[W3] have one canonical text, whatever order they came in, and it reads back', () => {
    fc.assert(
      fc.property(linesOf, (lines) => {
        const text = formatLines(lines)

        expect(formatLines([...lines].reverse())).toBe(text)
        expect(formatLines(parseLines(text) ?? [])).toBe(text)
      }),
    )
  })

  it('[W3] are refused in any text that is not canonical', () => {
    for (const text of [
      '',
      'shoe',
      'shoe:0',
      'shoe:1.5',
      'shoe:-1',
      'shoe:1001',
      'shoe:01',
      'b:1,a:1',
      'a:1,a:1',
      'a:1,',
    ]) {
      expect(parseLines(text), text).toBeUndefined()
    }
  })

  it('[W3] name each SKU once, and whole units', () => {
    expect(
      linesSchema.safeParse([
        { sku: 'a', qty: 1 },
        { sku: 'a', qty: 2 },
      ]).success,
    ).toBe(false)
    for (const qty of [0, -1, 1.5, 1e21, '1', Number.NaN, null]) {
      expect(linesSchema.safeParse([{ sku: 'a', qty }]).success, String(qty)).toBe(false)
    }
  })
})

describe('positions', () => {
  const position = fc.record({ epoch: fc.nat(1e9), seq: fc.nat(1e9) })

  it('[W4] compare by epoch first, then by seq, and read back from their text', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        expect(Math.sign(comparePositions(a, b))).toBe(-Math.sign(comparePositions(b, a)) + 0)
        if (a.epoch !== b.epoch) expect(comparePositions(a, b) > 0).toBe(a.epoch > b.epoch)
        expect(parsePosition(formatPosition(a))).toEqual(a)
      }),
    )
    expect(parsePosition('1-2-3')).toBeUndefined()
  })
})

describe('close codes', () => {
  it('[W5] say by their range whether to come back', () => {
    const back = Object.entries(CLOSE_CODES).filter(([, code]) => comesBack(code))

    expect(back.map(([word]) => word)).toEqual([
      'shutdown',
      'token_expired',
      'slow',
      'insufficient_state',
      'no_pong',
      'too_often',
    ])
  })
})
