/**
 * What can be taken out of an owner: the lease that ends and is one node's, the patience with Redis, the haste without
 * Postgres, and the rule by which it gives up. Each replaces methods of the parts (controlled-node.ts).
 */
import { Fault } from '../../protocol/faults.ts'
import type { DropId } from '../../protocol/ids.ts'
import { formatPosition, type Position } from '../../protocol/position.ts'
import type { OrderReply } from '../../rooms/letters.ts'
import { Reach } from '../../rooms/reach.ts'
import { Room } from '../../rooms/room.ts'
import { RedisLeases } from '../../storage/leases/redis-leases.ts'
import { PostgresDropBook } from '../../storage/orders/postgres-drop-book.ts'
import { RedisConnection } from '../../storage/redis.ts'
import { RedisRollCall } from '../../storage/roll/redis-roll-call.ts'

const LONG_MS = 60_000
/** Shorter than a stop that a lease has to outlive, longer than the rest between two renewals. */
const SHORT_MS = 600
/** Shorter than the 50 ms by which a slow Redis is late. */
const HASTY_MS = 40

export const FROM_OWNERS = {
  long_leases: () => leasesOf(LONG_MS),
  short_leases: () => leasesOf(SHORT_MS),

  free_leases() {
    const { acquire } = RedisLeases.prototype
    RedisLeases.prototype.acquire = async function (this: RedisLeases, drop, node, ttlMs) {
      const holder = await this.holder(drop)
      if (holder !== undefined) await this.release(drop, holder)
      return acquire.call(this, drop, node, ttlMs)
    }
  },

  hasty() {
    const { call, run } = RedisConnection.prototype
    const inHaste = <Answer>(answer: Promise<Answer>): Promise<Answer> => {
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Fault('unavailable', { waitedMs: HASTY_MS })), HASTY_MS)
      })
      return Promise.race([answer, late])
    }
    RedisConnection.prototype.call = function (this: RedisConnection, command) {
      return inHaste(call.call(this, command) as ReturnType<typeof command>)
    }
    RedisConnection.prototype.run = function (this: RedisConnection, script, keys, args) {
      return inHaste(run.call(this, script, keys, args))
    }
  },

  written_first() {
    const untold = new Map<string, () => void>()
    const placeOf = (drop: DropId, position: Position) => `${drop} ${formatPosition(position)}`
    const { write } = PostgresDropBook.prototype
    PostgresDropBook.prototype.write = async function (this: PostgresDropBook, drop, epoch, entries) {
      const outcomes = await write.call(this, drop, epoch, entries)
      for (const { position } of entries) {
        untold.get(placeOf(drop, position))?.()
        untold.delete(placeOf(drop, position))
      }
      return outcomes
    }
    const { post } = Room.prototype
    Room.prototype.post = function (this: Room, letter) {
      if (letter.kind !== 'order') return post.call(this, letter)

      return post.call(this, {
        ...letter,
        answer: (reply: OrderReply) => {
          const { verdict, position } = reply
          if (verdict !== 'accepted' || position === undefined) letter.answer(reply)
          else untold.set(placeOf(this.drop, position), () => letter.answer(reply))
        },
      })
    }
  },

  nobody_else() {
    RedisRollCall.prototype.others = async () => []
  },

  takes_anyway() {
    Object.defineProperty(Reach.prototype, 'mayTake', { get: () => true })
  },
} as const satisfies Record<string, () => void>

function leasesOf(ttlMs: number): void {
  const { acquire, renew } = RedisLeases.prototype
  RedisLeases.prototype.acquire = function (this: RedisLeases, drop, node) {
    return acquire.call(this, drop, node, ttlMs)
  }
  RedisLeases.prototype.renew = function (this: RedisLeases, drops, node) {
    return renew.call(this, drops, node, ttlMs)
  }
}
