/**
 * A resume ticket: what a signed-in session is given so that it can come back without its token.
 *
 * After a deploy every phone comes back at once. A ticket is one HMAC, checked synchronously while the hello is read:
 * no JWT, no promise, no store. It is good on every node, for the key comes from the secret that all nodes share (by
 * HKDF, under a label of its own, so that a ticket can never be taken for a token or a token for a ticket).
 *
 * It proves only what the token had proved: the same user, role and age, and its own end is never after the token's. So
 * what is revoked is revoked for tickets too. It is bytes at fixed places, with nothing in it to parse and only the key's
 * id to choose by:
 *
 *   version 1 | role 1 | key id 4 | user 16 | token's end 6 | ticket's end 6 | token's beginning 6 | standing 6
 *   | HMAC-SHA256 of all that 32     = 78
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { ROLES } from '../../protocol/api/endpoint.ts'
import { isUserId } from '../../protocol/ids.ts'
import { KeyRing, type TicketKey } from './key-ring.ts'
import { AS_SAID, type Identity, type Judge, type Verified } from './session.ts'

export const TICKET_TTL_MS = 10 * 60_000

const VERSION = 2
const AT = { role: 1, keyId: 2, user: 6, tokenEnd: 22, end: 28, issued: 34, standing: 40, mac: 46 } as const
/** 78 bytes, a multiple of three: base64url of it has no spare bits, so a ticket has one spelling. */
const BYTES = 78
const SPELLING = /^[A-Za-z0-9_-]{104}$/
/** Of a token that carries no number of a standing. */
const NO_STANDING = 2 ** 48 - 1

export class Tickets {
  readonly #keys: Pick<KeyRing, 'ticketKey' | 'ticketKeyOf'>
  readonly #nowMs: () => number
  readonly #judge: Judge

  /** A text is the one secret of an installation that never changes it. */
  constructor(keys: Pick<KeyRing, 'ticketKey' | 'ticketKeyOf'> | string, nowMs: () => number, judge: Judge = AS_SAID) {
    this.#keys = typeof keys === 'string' ? new KeyRing({ secret: keys }, nowMs) : keys
    this.#nowMs = nowMs
    this.#judge = judge
  }

  issue({ user, role, expiresAtMs, issuedAtMs = 0, standing = NO_STANDING }: Identity): string {
    const key = this.#keys.ticketKey
    const ticket = Buffer.alloc(BYTES)
    ticket[0] = VERSION
    ticket[AT.role] = ROLES.indexOf(role)
    key.id.copy(ticket, AT.keyId)
    ticket.write(user.replaceAll('-', ''), AT.user, 'hex')
    ticket.writeUIntBE(expiresAtMs, AT.tokenEnd, 6)
    ticket.writeUIntBE(Math.min(expiresAtMs, Math.floor(this.#nowMs()) + TICKET_TTL_MS), AT.end, 6)
    ticket.writeUIntBE(issuedAtMs, AT.issued, 6)
    ticket.writeUIntBE(standing, AT.standing, 6)
    macOf(ticket, key).copy(ticket, AT.mac)
    return ticket.toString('base64url')
  }

  /** Never throws for anything that a ticket may be. */
  verify(text: string): Verified {
    if (!SPELLING.test(text)) return 'invalid'

    const ticket = Buffer.from(text, 'base64url')
    if (ticket.length !== BYTES || ticket[0] !== VERSION) return 'invalid'
    const key = this.#keys.ticketKeyOf(ticket.subarray(AT.keyId, AT.user))
    if (key === undefined || !timingSafeEqual(macOf(ticket, key), ticket.subarray(AT.mac))) return 'invalid'

    const user = uuid(ticket.toString('hex', AT.user, AT.tokenEnd))
    const role = ROLES[ticket[AT.role] ?? ROLES.length]
    if (role === undefined || !isUserId(user)) return 'invalid'
    if (ticket.readUIntBE(AT.end, 6) <= this.#nowMs()) return 'expired'

    const identity: Identity = { user, role, expiresAtMs: ticket.readUIntBE(AT.tokenEnd, 6) }
    const issuedAtMs = ticket.readUIntBE(AT.issued, 6)
    const standing = ticket.readUIntBE(AT.standing, 6)
    if (issuedAtMs > 0) identity.issuedAtMs = issuedAtMs
    if (standing !== NO_STANDING) identity.standing = standing
    return this.#judge.now(identity)
  }
}

function macOf(ticket: Buffer, { key }: TicketKey): Buffer {
  return createHmac('sha256', key).update(ticket.subarray(0, AT.mac)).digest()
}

function uuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
