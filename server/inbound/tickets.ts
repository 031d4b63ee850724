/**
 * A resume ticket: what a signed-in session is given so that it can come back without its token.
 *
 * After a deploy every phone comes back at once. A ticket is one HMAC, checked synchronously while the hello is read:
 * no JWT, no promise, no store. It is good on every node, for the key comes from the secret that all nodes share (by
 * HKDF, under a label of its own, so that a ticket can never be taken for a token or a token for a ticket).
 *
 * It proves only what the token had proved: the same user and role, and its own end is never after the token's. It is
 * bytes at fixed places, so there is nothing in it to parse and nothing to choose:
 *
 *   version 1 | role 1 | key id 4 | user 16 | token's end 6 | ticket's end 6 | HMAC-SHA256 of all that 32     = 66
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { ROLES } from '../../protocol/api/endpoint.ts'
import { isUserId } from '../../protocol/ids.ts'
import type { Identity } from './session.ts'

export const TICKET_TTL_MS = 10 * 60_000

const VERSION = 1
const AT = { role: 1, keyId: 2, user: 6, tokenEnd: 22, end: 28, mac: 34 } as const
/** 66 bytes, a multiple of three: base64url of it has no spare bits, so a ticket has one spelling. */
const BYTES = 66
const SPELLING = /^[A-Za-z0-9_-]{88}$/

export class Tickets {
  readonly #key: Buffer
  /** Says which key it was, so that a ticket of another secret is told from a forged one by whoever looks into it. */
  readonly #keyId: Buffer
  readonly #nowMs: () => number

  constructor(secret: string, nowMs: () => number) {
    this.#key = derive(secret, 'livedrop resume ticket v1', 32)
    this.#keyId = derive(secret, 'livedrop resume ticket v1 key id', 4)
    this.#nowMs = nowMs
  }

  issue({ user, role, expiresAtMs }: Identity): string {
    const ticket = Buffer.alloc(BYTES)
    ticket[0] = VERSION
    ticket[AT.role] = ROLES.indexOf(role)
    this.#keyId.copy(ticket, AT.keyId)
    ticket.write(user.replaceAll('-', ''), AT.user, 'hex')
    ticket.writeUIntBE(expiresAtMs, AT.tokenEnd, 6)
    ticket.writeUIntBE(Math.min(expiresAtMs, Math.floor(this.#nowMs()) + TICKET_TTL_MS), AT.end, 6)
    this.#mac(ticket).copy(ticket, AT.mac)
    return ticket.toString('base64url')
  }

  /** Never throws for anything that a ticket may be. */
  verify(text: string): Identity | 'invalid' | 'expired' {
    if (!SPELLING.test(text)) return 'invalid'

    const ticket = Buffer.from(text, 'base64url')
    if (ticket.length !== BYTES || ticket[0] !== VERSION) return 'invalid'
    if (!this.#keyId.equals(ticket.subarray(AT.keyId, AT.user))) return 'invalid'
    if (!timingSafeEqual(this.#mac(ticket), ticket.subarray(AT.mac))) return 'invalid'

    const user = uuid(ticket.toString('hex', AT.user, AT.tokenEnd))
    const role = ROLES[ticket[AT.role] ?? ROLES.length]
    if (role === undefined || !isUserId(user)) return 'invalid'
    if (ticket.readUIntBE(AT.end, 6) <= this.#nowMs()) return 'expired'

    return { user, role, expiresAtMs: ticket.readUIntBE(AT.tokenEnd, 6) }
  }

  #mac(ticket: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(ticket.subarray(0, AT.mac)).digest()
  }
}

function derive(secret: string, label: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', label, bytes))
}

function uuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
