/**
 * An order's id is computed, not minted: base32 of the first 130 bits of sha256(drop | buyer | key).
 *
 * So every node, every retry and every rebuild arrive at the same primary key, and nobody can count or guess ids. The
 * parts are joined by `|`, which none of them can contain (protocol/ids.ts). Alphabet: RFC 4648 base32, lower case.
 */
import { createHash } from 'node:crypto'
import type { DropId, IdempotencyKey, OrderId, UserId } from '../protocol/ids.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const LENGTH = 26

export function orderIdOf(drop: DropId, buyer: UserId, key: IdempotencyKey): OrderId {
  const digest = createHash('sha256').update(`${drop}|${buyer}|${key}`).digest()

  let text = ''
  let bits = 0
  let held = 0
  for (const byte of digest) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5 && text.length < LENGTH) {
      bits -= 5
      text += ALPHABET.charAt((held >>> bits) & 31)
    }
    if (text.length === LENGTH) break
  }
  return text as OrderId
}
