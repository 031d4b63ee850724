/**
 * A node's edge on real uWebSockets.js with a shop behind it that keeps the promise of a room: a key is one order, however
 * often it comes. Every order takes a moment, a receipt may be lost with its socket, and the node can cut any socket.
 */
import { deviceWorld as clock } from '../../client/world.ts'
import type { OrderId, UserId } from '../../protocol/ids.ts'
import type { Position } from '../../protocol/position.ts'
import type { OrderReply } from '../../rooms/letters.ts'
import type { Claim, Settled } from '../../rooms/ports.ts'
import type { RollLimits } from '../../server/inbound/session-roll.ts'
import { listen, newApp } from '../../server/transports/http-listener.ts'
import { nativeBroadcaster, serveNative } from '../../server/transports/native.ts'
import { edge } from './edge.ts'
import { at, EdgeWorld } from './edge-world.ts'
import { failureLog } from './logs.ts'
import { buyer, dropOf } from './people.ts'

export const SHOES = dropOf('shoes')

export interface ShopHabits {
  /** How long a claim takes to be carried out, and then to be answered. */
  carryMs(): number
  answerMs(): number
  confirmMs: number
  /** Said instead of carrying the claim out, when it answers something. */
  refuse?(claim: Claim): OrderReply | undefined
}

export async function shopNode(habits: ShopHabits, rollLimits: Partial<RollLimits> = {}) {
  const world = new EdgeWorld()
  world.addDrop(SHOES)
  const { log, failures } = failureLog()
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

  // --- the shop
  const orders = new Map<OrderId, { key: string; buyer: UserId; position: Position; state: 'accepted' | 'confirmed' }>()
  const attempts = new Map<string, number>()
  let tokensChecked = 0
  const carryOut = async (claim: Claim): Promise<OrderReply> => {
    attempts.set(claim.key, (attempts.get(claim.key) ?? 0) + 1)
    await wait(habits.carryMs())
    const known = orders.get(claim.orderId)
    if (known !== undefined) {
      await wait(habits.answerMs())
      return { verdict: 'duplicate', position: known.position, state: known.state }
    }
    const refusal = habits.refuse?.(claim)
    if (refusal !== undefined) return refusal

    const order = { key: claim.key, buyer: claim.buyer, position: at(1, orders.size + 1), state: 'accepted' as const }
    orders.set(claim.orderId, order)
    setTimeout(() => confirm(claim), habits.confirmMs)
    await wait(habits.answerMs())
    return { verdict: 'accepted', position: order.position }
  }
  const confirm = ({ orderId, buyer: who, key }: Claim) => {
    const order = orders.get(orderId)
    if (order !== undefined) orders.set(orderId, { ...order, state: 'confirmed' })
    hub.settled([{ drop: SHOES, buyer: who, key, orderId, state: 'confirmed' } as Settled])
  }

  // --- the edge
  const app = newApp()
  const { hub, roll, gateway } = edge({
    ...{ clock, random: Math.random, log },
    broadcaster: nativeBroadcaster(app),
    rollLimits,
    pages: { byId: async (drop) => world.pages.get(drop), phases: async () => new Map() },
    ledger: {
      read: async (drop) => world.rooms.get(drop),
      known: async (asked) =>
        asked.map(({ drop, orderIds }) => {
          return { isWhole: world.rooms.has(drop), positions: orderIds.map((id) => orders.get(id)?.position) }
        }),
    },
    orders: {
      mine: async () => new Map(),
      states: async (ids) =>
        new Map([...orders].filter(([id, { state }]) => ids.includes(id) && state === 'confirmed')),
    },
    cancellations: { cancel: async () => ({ said: 'unknown' }) },
    tokens: {
      verify: async (token) => {
        tokensChecked += 1
        return { user: buyer(token), role: 'fan', expiresAtMs: Date.now() + 900_000 }
      },
    },
    rooms: { order: async (_, claim) => carryOut(claim) },
  })
  serveNative(app, { gateway, log, origins: [] })
  const { port } = await listen(app, '127.0.0.1', 0)
  return {
    ...{ world, hub, roll, failures, orders, attempts, url: `ws://127.0.0.1:${port}/ws` },
    tokensChecked: () => tokensChecked,
    stop: () => {
      roll.stop()
      hub.stop()
      app.close()
    },
  }
}
