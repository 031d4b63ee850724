/**
 * A whole LiveDrop on a disk whose power can be cut: Redis, NATS, Postgres and a node, which die together with it. Or with
 * one store alone on such a disk, which dies while everybody else goes on.
 *
 * One storm and one cut are a `round`. Fans order all the time and note what they were told; the power goes; what died is
 * started again from what the disk has; then what was told is looked for. Before a round, a setting can be taken down
 * to what is not durable: the negative controls.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Ground, standOn } from '../../bench/ground.ts'
import { removeDataFolder, temporaryDataFolder } from '../../stack/data-folder.ts'
import { until } from '../../stack/deadline.ts'
import { type LocalCluster, startCluster } from '../../stack/local-cluster.ts'
import type { ServerName } from '../../stack/server-name.ts'
import { connectPostgres } from '../../storage/postgres.ts'
import { connectRedis } from '../../storage/redis.ts'
import { Crowd, type Told } from './crowd.ts'
import { CuttableDisk } from './cuttable-disk.ts'

/** What the stores sync before they answer. */
export const DURABILITIES = ['all', 'redis_every_second', 'postgres_later'] as const
export type Durability = (typeof DURABILITIES)[number]

export interface Round {
  durability: Durability
  /** What lost its power. */
  only: ServerName | 'the whole host'
  accepted: number
  confirmed: number
  /** Accepted and not yet told `confirmed` when the power went. */
  open: number
  /** Told `confirmed` and not in Postgres when it came back, before anybody mended anything. */
  confirmedGone: number
  /** Told `accepted` and, with everything healed, in no state at all, or revoked. */
  lost: number
  /** Told `confirmed` and, with everything healed, not so. */
  lostConfirmed: number
  /** Broken rules of the audit. */
  broken: string[]
  /** Confirmed orders whose buyer's inbox never got the news of it; after an outage, which is not waited for, had not yet. */
  untold: number
  /** From the first start of a server to the first answer of the node, or of a store alone to the next accepted order. */
  backMs: number
  outage?: Outage
}

/** What it cost that a store stayed away. */
export interface Outage {
  downMs: number
  /** Accepted while the store was away. */
  acceptedMeanwhile: number
  /** Accepted, and not confirmed when it came back. */
  backlog: number
  /** Of the nodes: when the store went, at most while it was away, at most while they caught up, and at the end. */
  rssMb: { before: number; away: number; catchingUp: number; after: number }
  /** From the first answer of Postgres until it had the backlog, while the fans went on ordering. */
  drainedPerSecond: number
}

export interface RoundOptions {
  ordersPerSecond?: number
  /** How long a store alone stays without power. */
  downMs?: number
}

const SETTINGS = { LIVEDROP_LOG_LEVEL: 'error', LIVEDROP_LIMITS: 'none' }
const ORDERS_PER_SECOND = 600
const STORM_ORDERS = 400
const WARM_UP_MS = 20_000
const LOOK_EVERY_MS = 250
const SETTLED_WITHIN_MS = 120_000
/** As many orders as are in Redis and in the node's memory only when the power goes. */
const UNWRITTEN = 150
const WITHIN_MS = 30_000
/** The inbox is patient: it rests nineteen times as long as it writes. */
const INBOX_WITHIN_MS = 120_000

export class PoweredHost {
  readonly #disk: CuttableDisk
  readonly #cluster: LocalCluster
  readonly #only: ServerName | undefined
  /** Where the data is that is not on the disk, if any. */
  readonly #dataDir: string | undefined

  private constructor(disk: CuttableDisk, cluster: LocalCluster, alone?: { only: ServerName; dataDir: string }) {
    this.#disk = disk
    this.#cluster = cluster
    this.#only = alone?.only
    this.#dataDir = alone?.dataDir
  }

  static async start(only?: ServerName): Promise<PoweredHost> {
    const alone = only === undefined ? undefined : { only, dataDir: temporaryDataFolder() }
    const disk = new CuttableDisk(alone && join(alone.dataDir, alone.only))
    try {
      const dataDir = alone?.dataDir ?? disk.folder
      const cluster = await startCluster({ dataDir, nodes: 1, env: SETTINGS })
      disk.settle()
      return new PoweredHost(disk, cluster, alone)
    } catch (error) {
      disk.remove()
      throw error
    }
  }

  async round(durability: Durability, options: RoundOptions = {}): Promise<Round> {
    const { ordersPerSecond = ORDERS_PER_SECOND, downMs = 0 } = options
    const ground = await this.#ground()
    let crowd: Crowd | undefined
    try {
      await this.#setTo(durability)
      crowd = await Crowd.gather(ground)
      const { told, drop } = crowd
      await reached('a crowd', () => crowd?.isThere === true)
      crowd.storm(ordersPerSecond)
      await reached('a storm', () => told.confirmed.size >= STORM_ORDERS)
      // What an outage costs is held against a node that has sold like this for a while.
      if (downMs > 0) await pause(WARM_UP_MS)
      if (durability === 'postgres_later') this.#cut()
      else await this.#cutWhilePostgresWaits(drop, () => told.accepted.size - told.confirmed.size)

      const open = told.accepted.size - told.confirmed.size
      const back =
        this.#only === undefined ? await this.#hostComesBack(crowd) : await this.#storeComesBack(crowd, downMs)
      const judged = await this.#judge(drop, told, durability, downMs === 0)
      return { durability, only: this.#only ?? 'the whole host', open, ...back, ...judged }
    } finally {
      crowd?.leave()
      await ground.stores.close()
    }
  }

  async stop(): Promise<void> {
    try {
      await this.#cluster.stop()
    } finally {
      this.#disk.remove()
      if (this.#dataDir !== undefined) removeDataFolder(this.#dataDir)
    }
  }

  /** What is on the disk dies with it. */
  #cut(): void {
    this.#disk.cut()
    const { stack, nodes } = this.#cluster
    const dying = this.#only === undefined ? [...Object.values(stack.servers), ...nodes] : [stack.servers[this.#only]]
    for (const one of dying) if (one !== undefined) kill(one.pid)
  }

  async #hostComesBack(crowd: Crowd): Promise<Pick<Round, 'confirmedGone' | 'backMs'>> {
    crowd.leave()
    await this.#allGone()
    this.#disk.comeBack()
    const startedMs = performance.now()
    await Promise.all(Object.values(this.#cluster.stack.servers).map((server) => server.restart()))
    const confirmedGone = await this.#gone(crowd.told)
    await this.#cluster.addNode()
    return { confirmedGone, backMs: performance.now() - startedMs }
  }

  /** The fans go on ordering until what had gathered is confirmed, and stay until each has heard the end of every order. */
  async #storeComesBack(
    crowd: Crowd,
    downMs: number,
  ): Promise<Pick<Round, 'confirmedGone' | 'backMs'> & { outage?: Outage }> {
    const { told } = crowd
    const heard = { ...told, confirmed: new Set(told.confirmed) }
    const acceptedBefore = told.accepted.size
    const store = this.#only && this.#cluster.stack.servers[this.#only]
    const memory = this.#watchMemory()
    try {
      await store?.kill()
      this.#disk.comeBack()
      await pause(downMs)
      const away = memory.most()
      const startedMs = performance.now()
      const startedWallMs = Date.now()
      const accepted = told.accepted.size
      const backlog = accepted - told.confirmed.size
      await store?.restart()
      await reached('the next order', () => told.accepted.size > accepted)
      const backMs = performance.now() - startedMs
      if (downMs > 0) await reached('the backlog', () => told.confirmed.size >= accepted, SETTLED_WITHIN_MS)
      const confirmedGone = await this.#gone(heard)
      crowd.calm()
      await reached('the end of every order', () => crowd.waiting === 0, SETTLED_WITHIN_MS)
      if (downMs === 0) return { confirmedGone, backMs }

      const rssMb = { before: memory.before, away, catchingUp: memory.most(), after: memory.now() }
      const drainedPerSecond = await this.#writtenPerSecond(startedWallMs, backlog)
      const outage = { downMs, acceptedMeanwhile: accepted - acceptedBefore, backlog, rssMb, drainedPerSecond }
      return { confirmedGone, backMs, outage }
    } finally {
      memory.end()
    }
  }

  /** Orders a second that Postgres wrote, from the first one that it wrote since then until it had that many. */
  async #writtenPerSecond(sinceMs: number, orders: number): Promise<number> {
    const postgres = connectPostgres(this.#cluster.stack.databaseUrl, { max: 1, name: 'power', statementMs: 20_000 })
    const rows = await postgres.sql<{ seconds: number }[]>`
      select extract(epoch from max(confirmed_at) - min(confirmed_at))::float8 as seconds from (
        select confirmed_at from orders where confirmed_at >= ${new Date(sinceMs)}
        order by confirmed_at limit ${orders}) drained`
    await postgres.close()
    return Math.round(orders / (rows[0]?.seconds ?? 0))
  }

  /** Of all nodes together, in MB. */
  #watchMemory() {
    const rssMb = () => Math.round(this.#cluster.nodes.reduce((sum, { pid }) => sum + rssOf(pid), 0) / 1e6)
    const before = rssMb()
    let most = before
    const looking = setInterval(() => {
      most = Math.max(most, rssMb())
    }, LOOK_EVERY_MS)
    return {
      before,
      now: rssMb,
      /** Since this was asked last. */
      most() {
        const asked = most
        most = rssMb()
        return asked
      },
      end: () => clearInterval(looking),
    }
  }

  /** A stranger holds the drop's row for a moment, so that what is accepted now is written to Redis and nowhere else. */
  async #cutWhilePostgresWaits(drop: string, unwritten: () => number): Promise<void> {
    const stranger = connectPostgres(this.#cluster.stack.databaseUrl, { max: 1, name: 'stranger' })
    const diesToo = this.#only === undefined || this.#only === 'postgres'
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
    if (end === 'committed' && diesToo) throw new Error('Postgres went on without power')
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

  /** Of the orders that somebody heard to be confirmed: those that Postgres does not have. */
  async #gone({ confirmed }: Told): Promise<number> {
    const postgres = connectPostgres(this.#cluster.stack.databaseUrl, { max: 1, name: 'power', statementMs: 20_000 })
    const rows = await postgres.sql<{ id: string }[]>`select id from orders where state = 'confirmed'`
    await postgres.close()
    const there = new Set(rows.map(({ id }) => id))
    return [...confirmed].filter((id) => !there.has(id)).length
  }

  async #judge(drop: string, { accepted, confirmed }: Told, durability: Durability, withInbox: boolean) {
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
        (await missing()).lost === 0 && (await broken()).length === 0 && (!withInbox || (await untold()) === 0)
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

/** Linux only, as this whole host. */
function rssOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024
}

async function reached(what: string, condition: () => boolean | Promise<boolean>, withinMs = WITHIN_MS): Promise<void> {
  if (!(await until(condition, withinMs))) throw new Error(`${what} was not there within ${withinMs / 1000} s`)
}
