/**
 * The socket's half of the contract as a table: every message with one sentence, what answers it, and one believable
 * example.
 *
 * `/asyncapi.json` is written from it, as `/openapi.json` is from the REST table, and the tests hold it against the two
 * unions that the server reads and writes by: a message that is not here, or an example that does not parse, fails.
 */
import type { z } from 'zod'
import type { Down, downSchema } from './down.ts'
import type { Up, upSchema } from './up.ts'

export type UpType = Up['type']
export type DownType = Down['type']

interface Said<Type extends string, Message> {
  type: Type
  summary: string
  example: Message
}

export type UpRow = {
  [Type in UpType]: Said<Type, Extract<z.input<typeof upSchema>, { type: Type }>> & {
    /** What may come back for it, besides `error`. */
    answers: readonly DownType[]
  }
}[UpType]

export type DownRow = { [Type in DownType]: Said<Type, Extract<z.input<typeof downSchema>, { type: Type }>> }[DownType]

const drop = '01890a5d-ac96-774b-bcce-b302099a8059'
const creator = '01890a5d-ac96-774b-bcce-b302099a8001'
const orderId = 'k3vq7xw2mz5rj4tn6ybd3hcpfa'
const key = 'cart-7'
const position = { epoch: 1, seq: 9 }
const ticket = 'AQAAAZ0'
const atMs = 1_800_000_010_000

export const UP_ROWS = [
  {
    type: 'hello',
    summary: 'The first message: who is this, and where did it leave off. Without a token it is an anonymous watcher.',
    answers: ['welcome', 'news', 'snapshot', 'outcome'],
    example: { type: 'hello', resume: { ticket, drops: [{ drop, position }], open: [key] } },
  },
  {
    type: 'watch',
    summary: 'Hear what happens to a drop. With a position: what was missed since, if the node still has all of it.',
    answers: ['snapshot', 'news'],
    example: { type: 'watch', id: 1, drop, position },
  },
  {
    type: 'unwatch',
    summary: 'Hear no more of a drop.',
    answers: ['ok'],
    example: { type: 'unwatch', id: 2, drop },
  },
  {
    type: 'order',
    summary: 'Claim units, all lines or none. Sent again under the same key it is the same order.',
    answers: ['receipt', 'confirmed', 'revoked'],
    example: { type: 'order', id: 3, drop, key, lines: [{ sku: 'SHIRT-M', qty: 1 }] },
  },
  {
    type: 'cancel',
    summary: 'Give a confirmed order back.',
    answers: ['receipt', 'cancelled'],
    example: { type: 'cancel', id: 4, orderId },
  },
  {
    type: 'outcomes',
    summary: 'What became of the orders under these keys: asked after a reconnect.',
    answers: ['outcome'],
    example: { type: 'outcomes', id: 5, drop, keys: [key] },
  },
  {
    type: 'clock',
    summary: 'What time is it there: the countdown runs on the server’s clock.',
    answers: ['clock'],
    example: { type: 'clock', t0: atMs },
  },
  {
    type: 'auth',
    summary: 'A new token for the live session, of the same user.',
    answers: ['auth'],
    example: { type: 'auth', id: 6, token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2ln' },
  },
] as const satisfies readonly UpRow[]

export const DOWN_ROWS = [
  {
    type: 'welcome',
    summary: 'The greeting is accepted. A link is never silent for longer than `heartbeatMs`.',
    example: {
      ...{ type: 'welcome', session: 's-1', user: creator, role: 'fan' },
      ...{ serverTimeMs: atMs, heartbeatMs: 32_000, ticket },
    },
  },
  {
    type: 'snapshot',
    summary: 'The whole current state of a drop. `recovered: false`: begin again from here.',
    example: {
      ...{ type: 'snapshot', id: 1, drop, position, phase: 'open', opensAtMs: atMs, viewers: 812, recovered: false },
      items: [{ sku: 'SHIRT-M', title: 'M', priceMinor: 3_900, currency: 'EUR', stock: 300, left: 244, limit: 2 }],
      mine: [{ key, orderId, state: 'accepted', lines: [{ sku: 'SHIRT-M', qty: 1 }] }],
    },
  },
  {
    type: 'news',
    summary: 'What everyone who watches the drop hears. Counts are conflated: the newest wins.',
    example: {
      ...{ type: 'news', drop, position, at: atMs },
      changes: [
        { kind: 'phase', phase: 'open' },
        { kind: 'left', sku: 'SHIRT-M', left: 244 },
      ],
    },
  },
  {
    type: 'receipt',
    summary:
      'The drop’s answer to an order. `pending` and `rate_limited`: send the same key again, not sooner than said.',
    example: {
      ...{ type: 'receipt', id: 3, drop, key, orderId, verdict: 'accepted', position },
      left: [{ sku: 'SHIRT-M', left: 244 }],
    },
  },
  {
    type: 'confirmed',
    summary: 'The order is written down for good.',
    example: { type: 'confirmed', drop, key, orderId },
  },
  {
    type: 'revoked',
    summary: 'An accepted order could not be kept: only after a double fault.',
    example: { type: 'revoked', drop, key, orderId, reason: 'total' },
  },
  {
    type: 'cancelled',
    summary: 'The order was given back, or its drop was cancelled.',
    example: { type: 'cancelled', drop, key, orderId },
  },
  {
    type: 'outcome',
    summary: 'What became of the order under one key. `unknown`: send it again under the same key.',
    example: { type: 'outcome', id: 5, drop, key, orderId, state: 'confirmed' },
  },
  {
    type: 'notice',
    summary: 'Something that a followed creator did; also in the inbox under the same id.',
    example: { type: 'notice', notificationId: 'e17', kind: 'drop_started', drop, creator, title: 'Tour shirt', atMs },
  },
  {
    type: 'ok',
    summary: 'Done, and there is nothing else to say.',
    example: { type: 'ok', id: 2 },
  },
  {
    type: 'clock',
    summary: 'When the question came in and when this left, on the drop’s clock.',
    example: { type: 'clock', t0: atMs, t1: atMs + 21, t2: atMs + 21 },
  },
  {
    type: 'auth',
    summary: 'The session goes on under the new token.',
    example: { type: 'auth', id: 6, expiresAtMs: atMs + 900_000, ticket },
  },
  {
    type: 'auth_expiring',
    summary: 'A minute is left of the session’s token: send `auth`.',
    example: { type: 'auth_expiring', expiresAtMs: atMs + 60_000 },
  },
  {
    type: 'goaway',
    summary: 'This node is leaving: come back after the given time, to another one.',
    example: { type: 'goaway', retryAfterMs: 1_200 },
  },
  {
    type: 'error',
    summary: 'A message that could not be understood or obeyed. It changed nothing.',
    example: { type: 'error', id: 3, code: 'bad_request', message: 'key: expected a string', retryable: false },
  },
] as const satisfies readonly DownRow[]
