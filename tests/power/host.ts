/**
 * A whole LiveDrop on a disk whose power can be cut: Redis, NATS, Postgres and a node, which die together with it.
 *
 * One storm and one cut are a `round`. Fans order all the time and note what they were told; the power goes; everything
 * is started again from what the disk has; then what was told is looked for. Before a round, a setting can be taken down
 * to what is not durable: the negative controls.
 */

import { Fan } from '../../bench/fan.ts'
import { type Ground, standOn } from '../../bench/ground.ts'
import { until } from '../../stack/deadline.ts'
import { type LocalCluster, startCluster } from '../../stack/local-cluster.ts'
import { connectPostgres } from '../../storage/postgres.ts'
import { connectRedis } from '../../storage/redis.ts'
import { CuttableDisk } from './cuttable-disk.ts'

/** Order ids, by what their fans heard of them. */
type Told = Record<'accepted' | 'confirmed' | 'revoked', Set<string>>

/** What the stores sync before they answer. */
export const DURABILITIES = ['all', 'redis_every_second', 'postgres_later'] as const
export type Durability = (typeof DURABILITIES)[number]

export interface Round {
  durability: Durability
  accepted: number
  confirmed: number
  /** Told `confirmed` and not in Postgres when it came back, before anybody mended anything. */
  confirmedGone: number
  /** Told `accepted` and, with everything healed, in no state at all, or revoked. */
  lost: number
  /** Told `confirmed` and, with everything healed, not so. */
  lostConfirmed: number
  /** Broken rules of the audit. */
  broken: string[]
  /** Confirmed orders whose buyer's inbox never got the news of it. */
  untold: number
  /** From the first start of a server to the first answer of the node. */
  backMs: number
}

const SETTINGS = { LIVEDROP_LOG_LEVEL: 'error', LIVEDROP_LIMITS: 'none' }
const FANS = 50
const ORDERS_AT_ONCE = 12
const TICK_MS = 20
const STORM_ORDERS = 400
/** As many orders as are in Redis and in the node's memory only when the power goes. */
const UNWRITTEN = 150
const WITHIN_MS = 30_000
/** The inbox is patient: it rests nineteen times as long as it writes. */
const INBOX_WITHIN_MS = 120_000
const SKUS = ['SIZE-40', 'SIZE-41']

export class PoweredHost {
  readonly #disk: CuttableDisk
  readonly #cluster: LocalCluster

  private constructor(disk: CuttableDisk, cluster: LocalCluster) {
    this.#disk = disk
    this.#cluster = cluster
  }

  static async start(): Promise<PoweredHost> {
    const disk = new CuttableDisk()
    try {
      const cluster = await startCluster({ dataDir: disk.folder, nodes: 1, env: SETTINGS })
      disk.settle()
      return new PoweredHost(disk, cluster)
    } catch (error) {
      disk.remove()
      throw error
    }
  }

  async round(durability: Durability): Promise<Round> {
    const ground = await this.#ground()
    const told: Told = { accepted: new Set(), confirmed: new Set(), revoked: new Set() }
    let drop: string
    try {
      await this.#setTo(durability)
      drop = await this.#storm(ground, durability, told)
    } finally {
      await ground.stores.close()
    }

    this.#disk.comeBack()
    const startedMs = performance.now()
    await Promise.all(Object.values(this.#cluster.stack.servers).map((server) => server.restart()))
    const before = await this.#confirmed()
    const confirmedGone = [...told.confirmed].filter((id) => !before.has(id)).length
    await this.#cluster.addNode()
    const backMs = performance.now() - startedMs
    return { durability, confirmedGone, backMs, ...(await this.#judge(drop, told, durability)) }
  }

  async stop(): Promise<void> {
    try {
      await this.#cluster.stop()
    } finally {
      this.#disk.remove()
    }
  }

  /** Fans who order until the power goes, some of them in its last milliseconds. */
  async #storm(ground: Ground, durability: Durability, told: Told): Promise<string> {
    const drop = await ground.creator.createDrop({
      skus: SKUS,
      stockPerSku: 100_000,
      opensAt: new Date(Date.now() + 1_000),
    })
    let watching = 0
    const world = {
      urls: ground.socketUrls,
      drop,
      told: (what: 'accepted' | 'confirmed' | 'revoked', orderId: string) => void told[what].add(orderId),
      refused: () => undefined,
      retried: () => undefined,
      watching: () => {
        watching += 1
      },
    }
    const fans = (await ground.fanTokens(FANS)).map((token, at) => new Fan({ ...world, token }, at))
    let ordered = 0
    const storming = setInterval(() => {
      for (let n = 0; n < ORDERS_AT_ONCE; n += 1) {
        ordered += 1
        const lines = [{ sku: SKUS[ordered % SKUS.length] ?? '', qty: 1 }]
        void fans[ordered % FANS]?.order(`order-${ordered}`, lines, performance.now())
      }
    }, TICK_MS)
    try {
      await reached('a crowd', () => watching === FANS)
      await reached('a storm', () => told.confirmed.size >= STORM_ORDERS)
      if (durability === 'postgres_later') this.#cut()
      else await this.#cutWhilePostgresWaits(drop, () => told.accepted.size - told.confirmed.size)
    } finally {
      clearInterval(storming)
      for (const fan of fans) fan.close()
    }
    await this.#allGone()
    return drop
  }

  #cut(): void {
    this.#disk.cut()
    for (const { pid } of [...Object.values(this.#cluster.stack.servers), ...this.#cluster.nodes]) kill(pid)
  }

  /** A stranger holds the drop's row for a moment, so that what is accepted now is written to Redis and nowhere else. */
  async #cutWhilePostgresWaits(drop: string, unwritten: () => number): Promise<void> {
    const stranger = connectPostgres(this.#cluster.stack.databaseUrl, { max: 1, name: 'stranger' })
    let isCut = false
    const held = stranger.sql.begin(async (sql) => {
      await sql`select from drops where id = ${drop} for update`
      await reached('a backlog', () => unwritten() >= UNWRITTEN)
      this.#cut()
      isCut = true
    })
    const end = await held.then(
      () => 'committed',
      (error: unknown) => error,
    )
    await stranger.close()
    if (end === 'committed') throw new Error('Postgres went on without power')
    if (!isCut) throw end
  }

  async #allGone(): Promise<void> {
    const { stack, nodes } = this.#cluster
    await Promise.all([...nodes.map((node) => node.exited), ...Object.values(stack.servers).map((one) => one.kill())])
    nodes.length = 0
  }

  async #setTo(durability: Durability): Promise<void> {
    const { redisUrl, databaseUrl } = this.#cluster.stack
    const redis = await connectRedis(redisUrl, { name: 'power' })
    await redis.call((client) =>
      client.config('SET', 'appendfsync', durability === 'redis_every_second' ? 'everysec' : 'always'),
    )
    await redis.close()
    const postgres = connectPostgres(databaseUrl, { max: 1, name: 'power' })
    const commits = durability === 'postgres_later' ? 'off' : 'on'
    await postgres.sql.unsafe(`alter system set synchronous_commit = ${commits}`)
    await postgres.sql`select pg_reload_conf()`
    await reached('the setting', async () => {
      const rows = await postgres.sql<{ now: string }[]>`select current_setting('synchronous_commit') as now`
      return rows[0]?.now === commits
    })
    await postgres.close()
    this.#disk.settle()
  }

  async #confirmed(): Promise<Set<string>> {
    const postgres = connectPostgres(this.#cluster.stack.databaseUrl, { max: 1, name: 'power', statementMs: 20_000 })
    const rows = await postgres.sql<{ id: string }[]>`select id from orders where state = 'confirmed'`
    await postgres.close()
    return new Set(rows.map(({ id }) => id))
  }

  async #judge(drop: string, { accepted, confirmed }: Told, durability: Durability) {
    const ground = await this.#ground()
    const postgres = connectPostgres(this.#cluster.stack.databaseUrl, { max: 1, name: 'power', statementMs: 20_000 })
    const missing = async () => {
      const states = await ground.stores.states([...new Set([...accepted, ...confirmed])])
      return { states, lost: [...accepted].filter((id) => states.get(id) !== 'confirmed').length }
    }
    const untold = async () => {
      const rows = await postgres.sql<{ n: number }[]>`
        select count(*)::int as n from orders o
        where o.drop_id = ${drop} and o.state = 'confirmed'
          and not exists (select from notifications n where n.order_id = o.id and n.kind = 'order_confirmed')`
      return rows[0]?.n ?? 0
    }
    const broken = async () => (await ground.stores.audit(drop)).filter((one) => !one.ok).map((one) => one.rule)
    try {
      // Nobody asks for the drop: the agenda wakes it by itself.
      const isHealed = async () =>
        (await missing()).lost === 0 && (await broken()).length === 0 && (await untold()) === 0
      if (durability === 'all') await until(isHealed, INBOX_WITHIN_MS)
      const { states, lost } = await missing()
      const lostConfirmed = [...confirmed].filter((id) => states.get(id) !== 'confirmed').length
      const counts = { accepted: accepted.size, confirmed: confirmed.size, lost, lostConfirmed }
      return { ...counts, broken: await broken(), untold: await untold() }
    } finally {
      await Promise.all([postgres.close(), ground.stores.close()])
    }
  }

  #ground(): Promise<Ground> {
    const { nodes, env } = this.#cluster
    return standOn(
      nodes.map((node) => node.url),
      env,
      this.#cluster,
      async () => undefined,
    )
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // Redis ends by itself when it cannot sync.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function reached(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  if (!(await until(condition, WITHIN_MS))) throw new Error(`${what} was not there within ${WITHIN_MS / 1000} s`)
}
