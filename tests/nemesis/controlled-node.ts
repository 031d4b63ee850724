/**
 * A node with one mechanism taken out, for the nemesis only: it replaces methods of the parts and then runs the node's own
 * program. The product has no switch for any of this. What makes an owner an owner is taken in taken-from-owners.ts.
 */
import { BusNeighbours } from '../../bus/bus-neighbours.ts'
import { NatsLink } from '../../bus/nats-link.ts'
import type { DropId } from '../../protocol/ids.ts'
import type { Fence, Taken } from '../../rooms/ports.ts'
import { Room } from '../../rooms/room.ts'
import { RedisLedger } from '../../storage/ledger/redis-ledger.ts'
import { PostgresDropBook } from '../../storage/orders/postgres-drop-book.ts'
import { connectPostgres } from '../../storage/postgres.ts'
import { connectRedis } from '../../storage/redis.ts'
import { RedisClock } from '../../storage/redis-clock.ts'
import { type ControlName, isControl } from './controls.ts'
import { FROM_OWNERS } from './taken-from-owners.ts'

const control = process.env.NEMESIS_CONTROL
if (!isControl(control)) throw new Error(`no such control: ${control}`)
const { sql } = connectPostgres(process.env.DATABASE_URL ?? '', { max: 1, name: 'nemesis-control' })

const TAKE_OUT: Record<ControlName, () => Promise<void> | void> = {
  ...FROM_OWNERS,

  no_journal() {
    const stop = Room.prototype.stop
    Room.prototype.stop = async function (this: Room) {
      await stop.call(this)
      return []
    }
    BusNeighbours.prototype.surrender = async () => []
  },

  no_prev_seq() {
    const { order, adjust } = RedisLedger.prototype
    // Asked again when Redis went back just between the reading and the call.
    const unseen = async <Answer extends { answer: string }>(
      ledger: RedisLedger,
      drop: DropId,
      fence: Fence,
      ask: (fence: Fence) => Promise<Answer>,
    ): Promise<Answer> => {
      for (;;) {
        const room = await ledger.read(drop)
        const known = room === undefined ? {} : { prevSeq: room.seq, prevBatch: room.batch }
        const answer = await ask({ ...fence, ...known })
        if (answer.answer !== 'out_of_sequence') return answer
      }
    }
    RedisLedger.prototype.order = function (this: RedisLedger, drop, fence, claims) {
      return unseen(this, drop, fence, (seen) => order.call(this, drop, seen, claims))
    }
    RedisLedger.prototype.adjust = function (this: RedisLedger, drop, fence, opId, adjustment) {
      return unseen(this, drop, fence, (seen) => adjust.call(this, drop, seen, opId, adjustment))
    }
  },

  no_op_ids() {
    const { adjust } = RedisLedger.prototype
    const asked = new Map<string, number>()
    RedisLedger.prototype.adjust = async function (this: RedisLedger, drop, fence, opId, adjustment) {
      const times = (asked.get(opId) ?? 0) + 1
      asked.set(opId, times)
      return adjust.call(this, drop, fence, times === 1 ? opId : `${opId.slice(0, 60)}-${times}`, adjustment)
    }
  },

  async epoch_in_redis() {
    const redis = await connectRedis(process.env.NEMESIS_REDIS_URL ?? '', { name: 'nemesis-control' })
    const ledger = new RedisLedger(redis, 'ld')
    const take = PostgresDropBook.prototype.take
    PostgresDropBook.prototype.take = async function (this: PostgresDropBook, drop, node): Promise<Taken | undefined> {
      const room = await ledger.read(drop)
      const taken = await take.call(this, drop, node)
      if (taken === undefined) return undefined

      const epoch = (room?.epoch ?? 0) + 1
      await sql`update drops set epoch = ${epoch}, min_epoch = least(min_epoch, ${epoch}) where id = ${drop}`
      return { ...taken, epoch }
    }
  },

  hopeful() {
    const { order } = RedisLedger.prototype
    RedisLedger.prototype.order = async function (this: RedisLedger, drop, fence, claims) {
      const { epoch, prevSeq } = fence
      const results = claims.map((_, at) => {
        return { verdict: 'accepted' as const, position: { epoch, seq: prevSeq + at + 1 } }
      })
      const hoped = { answer: 'ok' as const, seq: prevSeq + claims.length, nowMs: Date.now(), results }
      const open = { phase: 'open' as const, opensAtMs: 0, left: [] }
      return order.call(this, drop, fence, claims).catch(() => ({ ...hoped, ...open }))
    }
  },

  no_log() {
    RedisLedger.prototype.entries = async () => []
  },

  no_copy() {
    RedisLedger.prototype.copy = async () => ({ answer: 'copied' })
  },

  no_retry() {
    const { write } = PostgresDropBook.prototype
    PostgresDropBook.prototype.write = async function (this: PostgresDropBook, drop, epoch, entries) {
      const hoped = entries.map(() => ({ outcome: 'applied' as const }))
      return write.call(this, drop, epoch, entries).catch(() => hoped)
    }
  },

  own_clock() {
    RedisClock.prototype.nowMs = () => Date.now()
  },

  rare_pings() {
    const { dial } = NatsLink
    NatsLink.dial = (address, options) => dial.call(NatsLink, address, { ...options, pingMs: 60_000 })
  },
}

await TAKE_OUT[control]()
await import('../../server/main.ts')
