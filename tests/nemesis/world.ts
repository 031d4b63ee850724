/**
 * A whole LiveDrop that may be hurt: private real stores with the settings of production, three real nodes that may do no
 * more in Redis and NATS than a node needs, and between each node and each store a gate of its own.
 *
 * A node has a place with a port that stays, so that buyers find whoever runs there. Like any supervisor, the world starts
 * a node again when it has ended, as often as it takes, for a node refuses to start without its stores; and a store that
 * ended by itself, for that is what a store may do when its disk is full.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Creator } from '../../bench/creator.ts'
import { call } from '../../cli/rest.ts'
import type { DropId, NodeId, UserId } from '../../protocol/ids.ts'
import { Tokens } from '../../server/inbound/tokens.ts'
import { removeDataFolder, temporaryDataFolder } from '../../stack/data-folder.ts'
import { until } from '../../stack/deadline.ts'
import { freePort } from '../../stack/free-port.ts'
import { type LocalNode, startNode } from '../../stack/local-node.ts'
import type { LocalServer } from '../../stack/local-server.ts'
import { type LocalStack, startStack } from '../../stack/local-stack.ts'
import type { ServerName } from '../../stack/server-name.ts'
import { type DropKeys, keysUnder } from '../../storage/ledger/keys.ts'
import { RedisLedger } from '../../storage/ledger/redis-ledger.ts'
import { connectPostgres, type Postgres } from '../../storage/postgres.ts'
import { connectRedis, type RedisConnection } from '../../storage/redis.ts'
import { NodeNetwork } from '../partitions/node-network.ts'
import { TightDisk } from '../power/tight-disk.ts'
import { type ControlName, controlOfTest } from './controls.ts'
import { Gate } from './gate.ts'
import { NatsHalves } from './nats-halves.ts'
import { RedisReplica } from './redis-replica.ts'
import { WallClock } from './wall-clock.ts'

export interface Place {
  host: string
  port: number
  /** Where a node has one of its own. */
  network: NodeNetwork | undefined
  clock: WallClock | undefined
  gates: Record<ServerName, Gate>
  node: LocalNode | undefined
  /** `hurt`: up, but stopped or leaving. */
  state: 'up' | 'hurt' | 'down'
}

export interface Person {
  id: UserId
  token: string
}

export interface WorldOptions {
  nodes?: number
  control?: ControlName | undefined
  /** Only the first node is ever ended: the others live as long as the world, so that their memory can be watched. */
  lasting?: boolean
  /** Each node in a network namespace of its own, whose cable can be cut. It takes root. */
  apart?: boolean
  /** Redis and Postgres on disks of their own, which can be full. It takes root. */
  tight?: boolean
  /** Redis has a replica, which can take its place. */
  replica?: boolean
  /** The bus is a cluster of three servers, one for each node in turn, which can be cut in two. */
  halves?: boolean
  /** Each node with a wall clock of its own, which can be set. It takes faketime. */
  clocks?: boolean
  onLog?: ((line: string) => void) | undefined
}

const PREFIX = 'ld'
const TOKEN_TTL_MS = 12 * 60 * 60_000
const START_AGAIN_MS = 200
type Disks = Record<'redis' | 'postgres', TightDisk>

/** What a world stands on. */
interface Stores {
  dataDir: string
  disks: Disks | undefined
  stack: LocalStack
  /** Where everybody finds Redis who is not a node: it leads to whichever is the master. */
  redisGate: Gate
  redis: RedisConnection
  replica: RedisReplica | undefined
  halves: NatsHalves | undefined
  postgres: Postgres
  places: Place[]
}
const UP_WITHIN_MS = 30_000

export class HurtableWorld {
  readonly dataDir: string
  readonly disks: Disks | undefined
  readonly halves: NatsHalves | undefined
  readonly stack: LocalStack
  readonly places: Place[]
  readonly redis: RedisConnection
  readonly postgres: Postgres
  readonly ledger: RedisLedger
  readonly keysOf: (drop: DropId) => DropKeys = keysUnder(PREFIX)
  /** What nobody meant: nodes that ended although nobody had hurt them, cuts that cut nothing. */
  readonly surprises: string[] = []
  /** Stores that ended by themselves, as often as they did. */
  readonly storesLost: ServerName[] = []
  readonly #redisGate: Gate
  readonly #replica: RedisReplica | undefined
  readonly #options: WorldOptions
  readonly #secret: string
  readonly #tokens: Tokens
  #started = 0
  #closing = false
  #creator: { creator: Creator; token: string } | undefined

  private constructor(options: WorldOptions, stores: Stores) {
    this.#options = options
    this.dataDir = stores.dataDir
    this.disks = stores.disks
    this.halves = stores.halves
    this.#redisGate = stores.redisGate
    this.#replica = stores.replica
    this.stack = stores.stack
    this.places = stores.places
    this.redis = stores.redis
    this.postgres = stores.postgres
    this.ledger = new RedisLedger(stores.redis, PREFIX)
    this.#secret = randomBytes(32).toString('hex')
    this.#tokens = new Tokens(this.#secret)
  }

  static async open(options: WorldOptions = {}): Promise<HurtableWorld> {
    const dataDir = temporaryDataFolder()
    const disks = options.tight === true ? tightDisksIn(dataDir) : undefined
    let lost = (_: ServerName): void => undefined
    const stack = await startStack({ dataDir, onLost: ({ server }) => lost(server) })
    const redisGate = await Gate.open(Number(new URL(stack.redisUrl).port))
    const redis = await connectRedis(through(stack.redisUrl, redisGate), { name: 'nemesis' })
    const replica = options.replica === true ? await RedisReplica.follow(stack, dataDir) : undefined
    const halves = options.halves === true ? await NatsHalves.start(stack, dataDir) : undefined
    const postgres = connectPostgres(stack.databaseUrl, { max: 2, name: 'nemesis', statementMs: 60_000 })
    const places: Place[] = []
    for (let n = 0; n < (options.nodes ?? 3); n += 1) {
      const network = options.apart === true ? new NodeNetwork() : undefined
      const natsUrl = halves?.urlOf(n) ?? stack.natsUrl
      const [redisGate, nats, postgresGate] = await Promise.all(
        [stack.redisUrl, natsUrl, stack.databaseUrl].map((url) =>
          Gate.open(Number(new URL(url).port), network?.ourAddress),
        ),
      )
      if (redisGate === undefined || nats === undefined || postgresGate === undefined) throw new Error('no gate')
      places.push({
        ...{ host: network?.nodeAddress ?? '127.0.0.1', network },
        clock: options.clocks === true ? new WallClock(join(dataDir, `clock-${n}`)) : undefined,
        ...{ port: await freePort(), gates: { redis: redisGate, nats, postgres: postgresGate } },
        ...{ node: undefined, state: 'down' },
      })
    }
    const world = new HurtableWorld(options, {
      dataDir,
      disks,
      halves,
      stack,
      redisGate,
      redis,
      replica,
      postgres,
      places,
    })
    lost = (server) => void world.#bringBack(server)
    try {
      // One after the other: the first one migrates the database.
      for (const place of places) await world.#start(place)
    } catch (cause) {
      await world.close()
      throw cause
    }
    return world
  }

  /** Of each place, in their order. */
  get urls(): string[] {
    return this.places.map(({ host, port }) => `http://${host}:${port}`)
  }

  server(name: ServerName): LocalServer {
    const server = this.stack.servers[name]
    if (server === undefined) throw new Error(`${name} is not ours to hurt`)
    return server
  }

  async buyers(count: number, ttlMs = TOKEN_TTL_MS): Promise<{ id: UserId; token: string }[]> {
    return Promise.all(
      Array.from({ length: count }, async () => {
        const id = randomUUID() as UserId
        return { id, token: (await this.#tokens.issue({ user: id, role: 'fan' }, ttlMs)).token }
      }),
    )
  }

  /** Made by a creator over REST, as anybody would. */
  async creator(): Promise<{ creator: Creator; token: string }> {
    if (this.#creator !== undefined) return this.#creator

    const [first] = this.places
    const url = `http://${first?.host}:${first?.port}`
    const account = { email: `creator-${randomUUID()}@example.com`, password: randomUUID(), displayName: 'Nemesis' }
    const signedIn = await call({ url, token: '' }, 'POST', '/v1/auth/register', { ...account, role: 'creator' })
    const { user } = signedIn as { user: { id: UserId } }
    // The token of a sign-in lasts a quarter of an hour, and a run of many seeds hours.
    const { token } = await this.#tokens.issue({ user: user.id, role: 'creator' }, TOKEN_TTL_MS)
    this.#creator = { creator: new Creator({ url, token }), token }
    return this.#creator
  }

  mayEnd(place: Place): boolean {
    return this.#options.lasting !== true || place === this.places[0]
  }

  /** Who holds the drop's lease now, as Redis says; else as Postgres last said. */
  async owner(drop: DropId): Promise<Place | undefined> {
    const holder = await this.#holder(drop).catch(() => undefined)
    return this.places.find(({ node }) => node !== undefined && node.nodeId === holder)
  }

  async #holder(drop: DropId): Promise<NodeId | undefined> {
    const held = await this.redis.call((redis) => redis.get(this.keysOf(drop).lease)).catch(() => null)
    if (held !== null) return held as NodeId

    const rows = await this.postgres.sql<{ owner: NodeId | null }[]>`
      select owner_node as owner from drops where id = ${drop}`
    return rows[0]?.owner ?? undefined
  }

  /** Starts what has ended, until it runs. */
  async startAgain(place: Place): Promise<void> {
    while (!this.#closing && place.state === 'down') {
      try {
        await this.#start(place)
      } catch (cause) {
        // Its stores are away, or it did not come up in time beside everything else: a supervisor tries again.
        this.#options.onLog?.(`a node did not start: ${String(cause).slice(0, 300)}`)
        await new Promise((resolve) => setTimeout(resolve, START_AGAIN_MS))
      }
    }
  }

  /**
   * The replica loses its link, misses what is written for a while, and takes over when the master is killed: everybody
   * finds it under the master's address. Answers whether it lacks anything of the drop.
   */
  async failOver(drop: DropId, missesMs: number): Promise<boolean> {
    if (this.#replica === undefined) throw new Error('Redis has no replica')

    const master = { server: this.server('redis'), connection: this.redis }
    return this.#replica.takeOver(master, this.keysOf(drop).log, missesMs, (port) => {
      for (const gate of [this.#redisGate, ...this.places.map(({ gates }) => gates.redis)]) gate.leadTo(port)
    })
  }

  /** Everything that was done is undone; resolves when all nodes and stores are there again. */
  async heal(): Promise<void> {
    for (const { gates, network, node } of this.places) {
      network?.mend()
      for (const gate of Object.values(gates)) gate.mend()
      node?.kill('SIGCONT')
    }
    this.halves?.mend()
    for (const disk of Object.values(this.disks ?? {})) disk.makeRoom()
    for (const server of Object.values(this.stack.servers)) await server.kill('SIGCONT')
    const allUp = () => this.places.every(({ state }) => state === 'up')
    if (!(await until(allUp, UP_WITHIN_MS))) throw new Error('a node did not come back')
  }

  async close(): Promise<void> {
    this.#closing = true
    // Nothing of it is kept, so nobody is let leave in order.
    const nodes = this.places.flatMap(({ node }) => (node === undefined ? [] : [node]))
    for (const node of nodes) node.kill('SIGKILL')
    await Promise.all(nodes.map(({ exited }) => exited))
    await Promise.all(this.places.flatMap(({ gates }) => Object.values(gates).map((gate) => gate.close())))
    for (const { network } of this.places) network?.remove()
    await Promise.all([this.redis.close(), this.postgres.close()])
    await Promise.all([this.#redisGate.close(), this.#replica?.stop(), this.halves?.stop(), this.stack.stop()])
    for (const disk of Object.values(this.disks ?? {})) disk.remove()
    removeDataFolder(this.dataDir)
  }

  /** A store that ended by itself is started again, until it runs: as long as its disk is full it may not. */
  async #bringBack(name: ServerName): Promise<void> {
    this.storesLost.push(name)
    for (let runs = false; !runs && !this.#closing; ) {
      runs = await this.server(name)
        .restart()
        .then(() => true)
        .catch((cause: unknown) => {
          this.#options.onLog?.(`${name} did not start: ${String(cause).slice(0, 300)}`)
          return false
        })
      if (!runs) await new Promise((resolve) => setTimeout(resolve, START_AGAIN_MS))
    }
  }

  async #start(place: Place): Promise<void> {
    this.#started += 1
    const name = `node-${this.#started}`
    const { control = controlOfTest(), onLog } = this.#options
    const node = await startNode({
      name,
      nodeId: `${name}-${randomBytes(4).toString('hex')}`,
      env: {
        REDIS_URL: through(this.stack.nodeUrls.redisUrl, place.gates.redis),
        NATS_URL: through(this.stack.nodeUrls.natsUrl, place.gates.nats),
        DATABASE_URL: through(this.stack.databaseUrl, place.gates.postgres),
        LIVEDROP_HOST: place.host,
        LIVEDROP_PORT: String(place.port),
        LIVEDROP_JWT_SECRET: this.#secret,
        LIVEDROP_LOG_LEVEL: 'info',
        // The whole crowd comes from one address, and hurries.
        LIVEDROP_LIMITS: 'none',
        ...place.clock?.env,
        ...(control === undefined ? {} : { NEMESIS_CONTROL: control, NEMESIS_REDIS_URL: this.stack.redisUrl }),
      },
      ...(onLog === undefined ? {} : { onLog: (line: string) => onLog(`[${name}] ${line}`) }),
      ...(place.network === undefined ? {} : { program: place.network.program }),
      ...(control === undefined ? {} : { entry: fileURLToPath(new URL('./controlled-node.ts', import.meta.url)) }),
    })
    place.node = node
    place.state = 'up'
    void node.exited.then((code) => {
      if (place.state === 'up' && !this.#closing) this.surprises.push(`I23 ${name} ended by itself with ${code}`)
      place.node = undefined
      place.state = 'down'
      if (!this.#closing) void this.startAgain(place)
    })
  }
}

const tightDisksIn = (dataDir: string): Disks => ({
  redis: new TightDisk(join(dataDir, 'redis')),
  postgres: new TightDisk(join(dataDir, 'postgres')),
})

function through(url: string, gate: Gate): string {
  const address = new URL(url)
  address.port = String(gate.port)
  address.hostname = gate.host
  return address.href
}
