/**
 * From good and bad input to input that nobody has thought of: flip, cut, insert, repeat, splice, and put in a number or
 * a text that readers stumble over. The same dice throw the same bytes for ever.
 *
 * What was answered in a way not seen before is kept and changed further, so that a run gets deeper than one change. The
 * pool is bounded: the newest of them takes the place of another.
 */
import { TEXTS } from '../corpus/field-values.ts'
import type { Dice } from '../simulation/dice.ts'

const BYTES_MAX = 8_192
const POOL_MAX = 2_000
const ODD_BYTES = [
  0, 1, 0x7f, 0x80, 0x90, 0xc0, 0xc1, 0xc7, 0xcb, 0xcf, 0xd4, 0xd9, 0xdb, 0xdd, 0xdf, 0xff, 0x22, 0x5c, 0x7b,
]
const ODD_WORDS = [
  ...[
    '-0',
    '-1',
    '1e400',
    '9007199254740993',
    '1e-7',
    '0x10',
    'NaN',
    '"__proto__"',
    '"\\ud800"',
    '{}',
    '[]',
    'null',
    ',',
  ],
  ...['\u{1F600}', '%00', '%ff', '..', '\r\n', '===', '9'.repeat(40), ...TEXTS.filter((text) => text.length < 40)],
].map((word) => Buffer.from(word))

export class Mutator {
  readonly #dice: Dice
  readonly #pool: Uint8Array[]
  readonly #seeds: number

  constructor(dice: Dice, seeds: readonly Uint8Array[]) {
    this.#dice = dice
    this.#pool = [...seeds]
    this.#seeds = seeds.length
  }

  next(): Uint8Array {
    let bytes = this.#dice.pick(this.#pool)
    for (let more = this.#dice.whole(1, 4); more > 0; more -= 1) bytes = this.#change(bytes)
    return bytes.subarray(0, BYTES_MAX)
  }

  /** These did something new. The seeds stay. */
  keep(bytes: Uint8Array): void {
    if (this.#pool.length < POOL_MAX) this.#pool.push(bytes)
    else this.#pool[this.#dice.whole(Math.min(this.#seeds, POOL_MAX - 1), POOL_MAX - 1)] = bytes
  }

  #change(bytes: Uint8Array): Uint8Array {
    const dice = this.#dice
    const at = dice.whole(0, Math.max(0, bytes.length - 1))
    const end = Math.min(bytes.length, at + dice.whole(1, 16))
    const [head, span, tail] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)]
    switch (dice.whole(0, 7)) {
      case 0: {
        const flipped = Buffer.from(bytes)
        flipped[at] = (flipped[at] ?? 0) ^ (1 << dice.whole(0, 7))
        return flipped
      }
      case 1:
        return Buffer.concat([head, Buffer.from([dice.pick(ODD_BYTES)]), bytes.subarray(at + 1)])
      case 2:
        return Buffer.from(head)
      case 3:
        return Buffer.concat([head, tail])
      case 4:
        return Buffer.concat([head, ...Array<Uint8Array>(dice.whole(2, 32)).fill(span), tail])
      case 5: {
        const other = dice.pick(this.#pool)
        return Buffer.concat([head, other.subarray(dice.whole(0, other.length))])
      }
      case 6:
        return Buffer.concat([head, dice.pick(ODD_WORDS), bytes.subarray(at)])
      default:
        return this.#otherNumber(bytes) ?? Buffer.concat([head, dice.pick(ODD_WORDS), tail])
    }
  }

  /** One of the numbers in a text becomes another one. */
  #otherNumber(bytes: Uint8Array): Uint8Array | undefined {
    const text = Buffer.from(bytes).toString('latin1')
    const numbers = [...text.matchAll(/-?\d+/g)]
    if (numbers.length === 0) return undefined

    const { 0: number, index } = this.#dice.pick(numbers)
    const [head, tail] = [text.slice(0, index), text.slice(index + number.length)]
    return Buffer.concat([Buffer.from(head, 'latin1'), this.#dice.pick(ODD_WORDS), Buffer.from(tail, 'latin1')])
  }
}
