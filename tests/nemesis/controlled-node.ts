/**
 * A node with one mechanism taken out, for the nemesis only: it replaces methods of the parts and then runs the node's own
 * program. The product has no switch for any of this.
 */
import { BusNeighbours } from '../../bus/bus-neighbours.ts'
import type { DropId } from '../../protocol/ids.ts'
import type { Fence, Taken } from '../../rooms/ports.ts'
import { Room } from '../../rooms/room.ts'
import { RedisLedger } from '../../storage/ledger/redis-ledger.ts'
import { PostgresDropBook } from '../../storage/orders/postgres-drop-book.ts'
import { connectPostgres } from '../../storage/postgres.ts'
import { connectRedis } from '../../storage/redis.ts'
import { type ControlName, isControl } from './controls.ts'

const control = process.env.NEMESIS_CONTROL
if (!isControl(control)) throw new Error(`no such control: ${control}`)
const { sql } = connectPostgres(process.env.DATABASE_URL ?? '', { max: 1, name: 'nemesis-control' })

const TAKE_OUT: Record<ControlName, () => Promise<void> | void> = {
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
    const unseen = async (ledger: RedisLedger, drop: DropId, fence: Fence): Promise<Fence> => {
      const room = await ledger.read(drop)
      return { ...fence, prevSeq: room?.seq ?? fence.prevSeq, prevBatch: room?.batch ?? fence.prevBatch }
    }
    RedisLedger.prototype.order = async function (this: RedisLedger, drop, fence, claims) {
      return order.call(this, drop, await unseen(this, drop, fence), claims)
    }
    RedisLedger.prototype.adjust = async function (this: RedisLedger, drop, fence, opId, adjustment) {
      return adjust.call(this, drop, await unseen(this, drop, fence), opId, adjustment)
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
}

await TAKE_OUT[control]()
await import('../../server/main.ts')
