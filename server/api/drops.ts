/**
 * Schedule a drop, read it, and the creator's hand on it.
 *
 * A control goes to the drop's room like an order does. Its operation id is computed from (drop, user, key, action), so
 * a resend is the same operation wherever and whenever it arrives, and the ledger applies it once.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import {
  announceDrop,
  cancelDrop,
  changeDrop,
  closeDrop,
  createDrop,
  type DropAction,
  listDrops,
  openDrop,
  pauseDrop,
  readDrop,
  restockDrop,
  resumeDrop,
} from '../../protocol/api/drops.ts'
import { type DropId, dropIdSchema, type IdempotencyKey, type UserId } from '../../protocol/ids.ts'
import { formatLines, type Line } from '../../protocol/lines.ts'
import { ORIGIN } from '../../protocol/position.ts'
import { controlOf, isOver } from '../../rooms/drop.ts'
import type { ControlReply } from '../../rooms/letters.ts'
import type { Adjustment, Herald } from '../../rooms/ports.ts'
import type { Replanned, Replanning } from '../../rooms/replanning.ts'
import type { Rooms } from '../../rooms/router.ts'
import type { DropRecord, Drops } from '../../storage/drops/drops.ts'
import { type StockBook, TOTAL_MAX } from '../../storage/stock/stock-book.ts'
import type { Identity } from '../inbound/session.ts'
import { viewDrop } from './drop-answer.ts'
import type { DropPages } from './drop-pages.ts'
import { isoTime } from './iso-time.ts'
import { placeTimeSchema, readPage } from './page.ts'
import { asCreator } from './products.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'
import { answer, type Route, route } from './route.ts'
import { keyMismatch, writeKeyOf } from './write-key.ts'

export interface DropsWorld {
  drops: Pick<Drops, 'create' | 'byId' | 'list' | 'announce'>
  stock: Pick<StockBook, 'restock'>
  dropPages: Pick<DropPages, 'look'>
  rooms: Pick<Rooms, 'control'>
  herald: Pick<Herald, 'news'>
  replanning: Pick<Replanning, 'change'>
  /** Tells every node that a drop was scheduled, so that it is opened on time. Never throws. */
  announceAgenda: () => void
  /** The drop clock. */
  nowMs(): number
}

interface ControlAsked {
  params: { id: DropId }
  caller: Identity
  key: IdempotencyKey
}

export const CONTROL_WAIT_MS = 5_000
/** As long as a lease of an owner that cannot be reached. */
const CHANGE_AGAIN_MS = 2_000

export const dropPlaceSchema = z.object({ opensAtMs: placeTimeSchema, drop: dropIdSchema })

export function dropRoutes(world: DropsWorld): Route[] {
  const { drops, announceAgenda } = world
  const control = (action: DropAction) => (asked: ControlAsked) =>
    controlDrop(world, action, asked.params.id, asked.caller, asked.key)

  return [
    route(createDrop, async ({ caller, key, body }) => {
      const made = await drops.create(asCreator(caller.user), body, key && writeKeyOf(caller.user, key, body))
      if ('refused' in made) return made.refused === 'key_mismatch' ? keyMismatch : unknownThing(made.refused)

      announceAgenda()
      return answer(201, viewDrop(made, undefined), { location: `/v1/drops/${made.drop}` })
    }),

    route(readDrop, async ({ params }) => {
      const look = await world.dropPages.look(params.id)
      if (look === undefined) return refuse('not_found', { detail: 'no such drop' })

      return answer(200, viewDrop(look.record, look.state))
    }),

    route(listDrops, async ({ query: { cursor, limit, ...filter } }) => {
      const said = await readPage(
        { cursor, limit },
        dropPlaceSchema,
        (question) => drops.list({ ...filter, ...question }),
        ({ opensAtMs, drop }) => ({ opensAtMs, drop }),
        (record) => viewDrop(record, undefined),
      )
      return isRefusal(said) ? said : answer(200, said)
    }),

    route(changeDrop, async ({ params, caller, body }) => {
      const record = await ownDrop(drops, params.id, caller)
      if (isRefusal(record)) return record
      if (record.phase !== 'scheduled') return wrongPhase(record.phase)

      const { opensAt, closesAt, ...rest } = body
      const opens = opensAt === undefined ? {} : { opensAtMs: opensAt.getTime() }
      const closes = closesAt === undefined ? {} : { closesAtMs: closesAt?.getTime() ?? null }
      const replanned = await world.replanning.change(params.id, { ...rest, ...opens, ...closes })
      if (replanned.said !== 'changed') return notChanged(replanned)

      announceAgenda()
      const changed = await drops.byId(params.id)
      return changed === undefined
        ? refuse('not_found', { detail: 'no such drop' })
        : answer(200, viewDrop(changed, undefined))
    }),

    route(openDrop, control('open')),
    route(pauseDrop, control('pause')),
    route(resumeDrop, control('resume')),
    route(closeDrop, control('close')),
    route(cancelDrop, control('cancel')),
    route(announceDrop, async ({ params, caller, key, body }) => {
      const drop = params.id
      const record = await ownDrop(drops, drop, caller)
      if (isRefusal(record)) return record

      // Words change no number: they come from before everything, and are told at the position that everybody has.
      const changes = [{ kind: 'announcement' as const, text: body.text }]
      const said = await drops.announce(drop, writeKeyOf(caller.user, key, { drop, ...body }), () =>
        world.herald.news({ drop, from: ORIGIN, position: ORIGIN, atMs: world.nowMs(), changes }),
      )
      return said === 'key_mismatch' ? keyMismatch : answer(200, { id: drop, text: body.text })
    }),
    route(restockDrop, async ({ params, caller, key, body }) => restock(world, params.id, caller, key, body.lines)),
  ]
}

/** At most 64 of a-z 0-9 : -, the same for the same (drop, user, key, action) for ever. */
export function operationIdOf(drop: DropId, user: UserId, key: IdempotencyKey, action: DropAction | 'restock'): string {
  const digest = createHash('sha256').update(`${drop}|${user}|${key}|${action}`).digest('hex')
  return `rest:${action}:${digest.slice(0, 40)}`
}

async function controlDrop(
  { drops, rooms }: DropsWorld,
  action: DropAction,
  drop: DropId,
  caller: Identity,
  key: IdempotencyKey,
) {
  const record = await ownDrop(drops, drop, caller)
  if (isRefusal(record)) return record

  const { phase, position } = record
  // Over is over: no room is woken for a drop that Postgres knows to have ended, and ending it again is no news.
  if (phase === 'closed' && action === 'close') return controlled(drop, phase, position, true)
  if (phase === 'cancelled' && action === 'cancel') return controlled(drop, phase, position, true)
  if (phase === 'closed' || phase === 'cancelled') return wrongPhase(phase)

  const operation = operationIdOf(drop, caller.user, key, action)
  const reply = await rooms.control(drop, operation, controlOf(action), CONTROL_WAIT_MS)
  return sayControl(drop, reply, reply.done === 'repeated')
}

/** Postgres has the units before the ledger hears of them; a resend goes both ways again and changes nothing twice. */
async function restock(
  { drops, stock, rooms }: DropsWorld,
  drop: DropId,
  caller: Identity,
  key: IdempotencyKey,
  lines: readonly Line[],
) {
  const record = await ownDrop(drops, drop, caller)
  if (isRefusal(record)) return record
  const unknown = unknownSkus(lines, record)
  if (unknown !== undefined) return unknown

  const operation = operationIdOf(drop, caller.user, key, 'restock')
  const said = await stock.restock(drop, operation, lines)
  switch (said) {
    case undefined:
      return refuse('not_found', { detail: 'no such drop' })
    case 'mismatch':
      return refuse('key_mismatch', { detail: 'this key was used for other lines' })
    case 'over':
      return wrongPhase(isOver(record.phase) ? record.phase : 'closed')
    case 'unknown_sku':
      return refuse('bad_request', { errors: [{ at: 'body.lines', message: 'the drop does not have such a sku' }] })
    case 'too_many':
      return refuse('bad_request', {
        errors: [{ at: 'body.lines', message: `an item has at most ${TOTAL_MAX} units` }],
      })
    case 'done':
    case 'repeated': {
      const adjustment: Adjustment = { kind: 'restock', lines: formatLines(lines) }
      return sayControl(drop, await rooms.control(drop, operation, adjustment, CONTROL_WAIT_MS), said === 'repeated')
    }
  }
}

function notChanged(replanned: Exclude<Replanned, { said: 'changed' }>): Refusal {
  switch (replanned.said) {
    case 'not_scheduled':
      return wrongPhase(replanned.phase ?? 'open')
    case 'too_soon':
      return refuse('conflict', { phase: 'scheduled', detail: 'a drop that opens within 20 seconds is not changed' })
    case 'closes_first':
      return refuse('bad_request', { errors: [{ at: 'body.closesAt', message: 'a drop closes after it opens' }] })
    case 'unknown_sku':
      return refuse('bad_request', { errors: [{ at: 'body.items', message: 'the drop does not have such a sku' }] })
    case 'unknown_drop':
      return refuse('not_found', { detail: 'no such drop' })
    case 'elsewhere':
      return refuse('unavailable', { detail: 'nothing was changed: ask again', retryAfterMs: CHANGE_AGAIN_MS })
  }
}

async function ownDrop(drops: DropsWorld['drops'], drop: DropId, caller: Identity): Promise<DropRecord | Refusal> {
  const record = await drops.byId(drop)
  if (record === undefined) return refuse('not_found', { detail: 'no such drop' })
  if (record.creator !== asCreator(caller.user) && caller.role !== 'admin') {
    return refuse('forbidden', { detail: 'only the creator of a drop controls it' })
  }
  return record
}

function unknownSkus(lines: readonly Line[], { items }: DropRecord): Refusal | undefined {
  const known = new Set(items.map((item) => item.sku))
  const errors = lines.flatMap(({ sku }, index) =>
    known.has(sku) ? [] : [{ at: `body.lines.${index}.sku`, message: 'the drop does not have this sku' }],
  )
  return errors.length === 0 ? undefined : refuse('bad_request', { errors })
}

/** `repeated`: nothing was done now. A room that was built from what Postgres has just been given says so too. */
function sayControl(drop: DropId, reply: ControlReply, repeated: boolean) {
  switch (reply.done) {
    case 'applied':
    case 'repeated':
      return controlled(drop, reply.phase, reply.position, repeated)
    case 'wrong_phase':
      return wrongPhase(reply.phase)
    case 'early':
      return refuse('early', { opensAt: isoTime(reply.opensAtMs), retryAfterMs: reply.opensAtMs - reply.nowMs })
    case 'pending':
      return refuse('unavailable', {
        verdict: 'pending',
        detail: 'it is not known whether this was done: send the same key again',
        retryAfterMs: reply.retryAfterMs,
      })
  }
}

function controlled(drop: DropId, phase: DropRecord['phase'], position: DropRecord['position'], repeated: boolean) {
  return answer(200, { id: drop, phase, position, repeated })
}

function wrongPhase(phase: DropRecord['phase']): Refusal {
  return refuse('conflict', { phase, detail: `a drop that is ${phase} does not allow this` })
}

function unknownThing(what: 'unknown_product' | 'unknown_sku'): Refusal {
  const error =
    what === 'unknown_product'
      ? { at: 'body.productId', message: 'no such product of this creator' }
      : { at: 'body.items', message: 'the product has no such sku' }
  return refuse('bad_request', { errors: [error] })
}
