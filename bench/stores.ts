/** A look into the two stores behind an installation: the audit, the fate of orders, the owner of a drop. */
import { type DropId, isDropId, type NodeId, type OrderId } from '../protocol/ids.ts'
import type { Config } from '../server/config.ts'
import { audit, type Finding } from '../storage/audit.ts'
import { RedisLedger } from '../storage/ledger/redis-ledger.ts'
import { OrderReader } from '../storage/orders/order-reader.ts'
import { connectPostgres, type Postgres } from '../storage/postgres.ts'
import { connectRedis, type RedisConnection } from '../storage/redis.ts'

const STATES_AT_ONCE = 5_000

export class Stores {
  readonly #postgres: Postgres
  readonly #redis: RedisConnection
  readonly #ledger: RedisLedger

  constructor(postgres: Postgres, redis: RedisConnection, prefix: string) {
    this.#postgres = postgres
    this.#redis = redis
    this.#ledger = new RedisLedger(redis, prefix)
  }

  static async open(config: Config): Promise<Stores> {
    const redis = await connectRedis(config.redisUrl, { name: 'bench' })
    const postgres = connectPostgres(config.databaseUrl, { max: 1, name: 'livedrop-bench', statementMs: 60_000 })
    return new Stores(postgres, redis, config.prefix)
  }

  audit(drop: string): Promise<Finding[]> {
    return audit({ sql: this.#postgres.sql, ledger: this.#ledger }, dropId(drop))
  }

  /** The state of each order that Postgres has. */
  async states(orderIds: readonly string[]): Promise<Map<string, string>> {
    const reader = new OrderReader(this.#postgres.sql)
    const states = new Map<string, string>()
    for (let at = 0; at < orderIds.length; at += STATES_AT_ONCE) {
      const page = await reader.states(orderIds.slice(at, at + STATES_AT_ONCE) as OrderId[])
      for (const [id, { state }] of page) states.set(id, state)
    }
    return states
  }

  /** The node that minted the drop's latest epoch. */
  async owner(drop: string): Promise<NodeId | undefined> {
    const rows = await this.#postgres.sql<{ owner: NodeId | null }[]>`
      select owner_node as owner from drops where id = ${dropId(drop)}`
    return rows[0]?.owner ?? undefined
  }

  /** Units sold over all drops. */
  async soldUnits(): Promise<number> {
    const rows = await this.#postgres.sql<{ sold: number }[]>`
      select coalesce(sum(sold), 0)::int as sold from drop_items`
    return rows[0]?.sold ?? 0
  }

  async close(): Promise<void> {
    await Promise.all([this.#postgres.close(), this.#redis.close()])
  }
}

function dropId(text: string): DropId {
  if (!isDropId(text)) throw new Error(`${text} is not a drop id`)
  return text
}
