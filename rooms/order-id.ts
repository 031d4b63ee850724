/**
 * An order's id is computed, not minted: base32 of the first 130 bits of sha256(drop | buyer | key).
 *
 * So every node, every retry and every rebuild arrive at the same primary key, and nobody can count or guess ids. The
 * parts are joined by `|`, which none of them can contain (protocol/ids.ts). Alphabet: RFC 4648 base32, lower case.
 */
import { hash } from 'node:crypto'
import type { DropId, IdempotencyKey, OrderId, UserId } from '../protocol/ids.ts'

const ALPHABET = [...'abcdefghijklmnopqrstuvwxyz234567']
/** Ten bits at a time: this is computed for every order, and half the steps take half the time. */
const PAIRS = ALPHABET.flatMap((first) => ALPHABET.map((second) => first + second))
const PAIRS_IN_ID = 13

export function orderIdOf(drop: DropId, buyer: UserId, key: IdempotencyKey): OrderId {
  const digest = hash('sha256', `${drop}|${buyer}|${key}`, 'buffer')

  let id = ''
  for (let at = 0; at < PAIRS_IN_ID; at += 1) {
    const bit = at * 10
    // Ten bits lie within three bytes, wherever they begin.
    id += PAIRS[(digest.readUIntBE(bit >> 3, 3) >>> (14 - (bit & 7))) & 1023]
  }
  return id as OrderId
}
