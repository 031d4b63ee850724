/**
 * How each fault is done, and undone. Every blow resolves when it is undone, and says to whom it was dealt.
 *
 * What cannot be done at the moment (nobody is up but one, Redis is away) is left out and not counted.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { DropId } from '../../protocol/ids.ts'
import { connectPostgres } from '../../storage/postgres.ts'
import type { Loss } from '../partitions/node-network.ts'
import { asleep } from './asleep.ts'
import type { FaultId } from './catalogue.ts'
import type { Gate } from './gate.ts'
import type { Phone } from './phone.ts'
import type { PlannedFault } from './plan.ts'
import type { HurtableWorld, Place } from './world.ts'

export interface Arena {
  world: HurtableWorld
  drop: DropId
  phones: readonly Phone[]
  /** The fault has really begun: `to` says where, `place` at which of the world's places. */
  begun(to: string, place?: number): void
  say(line: string): void
}

const HOUR_S = 3_600

type Blow = (arena: Arena, fault: PlannedFault) => Promise<void>

export const BLOWS: Record<FaultId, Blow> = {
  F1: ended('SIGKILL'),
  F2: stopped,
  F3: stopped,
  F4: ended('SIGTERM'),
  F5: async ({ world, begun }, { forMs }) => {
    const redis = world.server('redis')
    begun('Redis')
    await redis.kill()
    await pause(forMs)
    await redis.restart()
  },
  F7: async ({ world, begun }) => {
    begun('Redis')
    await world.redis.call((redis) => redis.flushall())
  },
  F8: rolledBack,
  F9: async ({ world, begun }) => {
    begun('Redis')
    await world.redis.call((redis) => redis.script('FLUSH'))
  },
  F10: async ({ world, begun }, { forMs }) => {
    const limit = (bytes: string) => world.redis.call((redis) => redis.config('SET', 'maxmemory', bytes))
    begun('Redis')
    await limit('1mb')
    await pause(forMs)
    await limit('0')
  },
  F12: diskFull('redis'),
  F13: async ({ world, drop, begun }, { forMs }) => {
    begun('Redis')
    if (!(await world.failOver(drop, forMs))) world.surprises.push('F13 lost no tail')
  },
  F14: async ({ world, begun }, { forMs }) => {
    begun('Redis')
    await world.server('redis').kill('SIGSTOP')
    await pause(forMs)
    await world.server('redis').kill('SIGCONT')
  },
  F15: atGates('redis', (gate) => gate.delay(50)),
  F16: atGates('redis', (gate, at) => gate.loseReplies('cut', at * 3)),
  F17: async ({ world, begun }) => {
    begun('Postgres')
    await world.postgres.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where pid <> pg_backend_pid() and datname = current_database() and application_name <> 'nemesis'`
  },
  F18: async ({ world, begun }, { forMs }) => {
    const postgres = world.server('postgres')
    begun('Postgres')
    // What `pg_ctl stop -m immediate` sends: no checkpoint, so it has to recover when it comes back.
    await postgres.kill('SIGQUIT')
    await pause(forMs)
    await postgres.restart()
  },
  F20: atGates('postgres', (gate, at) => gate.loseReplies('cut', at * 3)),
  F21: diskFull('postgres'),
  F22: rowLocked,
  F23: async ({ world, begun }, { forMs }) => {
    begun('NATS')
    await world.server('nats').kill()
    await pause(forMs)
    await world.server('nats').restart()
  },
  F24: partitioned(() => ({ what: 'everything' })),
  F24_redis: partitioned(({ gates }) => ({ what: 'ports', ours: [gates.redis.port] })),
  F24_nats: partitioned(({ gates }) => ({ what: 'ports', ours: [gates.nats.port] })),
  F24_postgres: partitioned(({ gates }) => ({ what: 'ports', ours: [gates.postgres.port] })),
  F24_reset: partitioned(() => ({ what: 'reset' })),
  F24_deaf: partitioned(() => ({ what: 'received' })),
  F24_mute: partitioned(() => ({ what: 'sent' })),
  F24_loss: partitioned(() => ({ what: 'one in ten' })),
  F24_halves: async ({ world, begun }, { forMs }) => {
    if (world.halves === undefined) throw new Error('NATS is one server')
    begun('NATS')
    world.halves.cut()
    await pause(forMs)
    world.halves.mend()
  },
  F25: atGates('nats', (gate, at) => gate.loseReplies(at % 2 === 0 ? 'cut' : 'half-closed')),
  F26: atGates('nats', (gate) => gate.hold()),
  F27: async (arena, fault) => {
    const place = await victim(arena, { ...fault, who: 'other' })
    if (place !== undefined) await asleep(arena, place, fault.forMs)
  },
  F28: async ({ world, begun }, { forMs }) => {
    const nats = world.server('nats')
    begun('NATS')
    await nats.kill()
    rmSync(join(nats.folder, 'jetstream'), { recursive: true, force: true })
    await pause(forMs)
    await nats.restart()
  },
  F30: async (arena, fault) => {
    const clock = (await victim(arena, fault))?.clock
    if (clock === undefined) return
    const before = clock.aheadS
    for (const aheadS of [HOUR_S, -HOUR_S]) {
      clock.set(aheadS)
      await pause(fault.forMs / 2)
    }
    clock.set(before)
  },
  F31: async ({ world, drop, begun }) => {
    begun('Redis')
    await world.redis.call((redis) => redis.del(world.keysOf(drop).lease))
  },
  F36: async ({ phones, begun }) => {
    begun('all clients')
    for (const phone of phones) phone.cut()
  },
}

/** The node that the plan means, if it may be hurt so, is up, and another one is up besides. */
async function victim(
  { world, drop, begun }: Arena,
  { who }: PlannedFault,
  may: (place: Place) => boolean = () => true,
): Promise<Place | undefined> {
  const up = world.places.filter(({ state }) => state === 'up')
  if (up.length < 2) return undefined

  const owner = await world.owner(drop)
  const other = up.find((place) => place !== owner)
  const chosen = who === 'owner' ? owner : who === 'other' ? other : up[Math.floor(who * up.length)]
  if (chosen === undefined || chosen.state !== 'up' || !may(chosen)) return undefined

  begun(chosen === owner ? 'the owner' : 'another node', world.places.indexOf(chosen))
  return chosen
}

function ended(signal: NodeJS.Signals): Blow {
  return async (arena, fault) => {
    const place = await victim(arena, fault, (one) => arena.world.mayEnd(one))
    if (place === undefined) return
    place.state = 'hurt'
    place.node?.kill(signal)
  }
}

async function stopped(arena: Arena, fault: PlannedFault): Promise<void> {
  const place = await victim(arena, fault)
  const node = place?.node
  if (place === undefined || node === undefined) return

  place.state = 'hurt'
  node.kill('SIGSTOP')
  await pause(fault.forMs)
  node.kill('SIGCONT')
  if (place.node === node) place.state = 'up'
}

/** Everything that Redis knows of the drop but its lease is put back to what it was `forMs` ago, in one step. */
async function rolledBack({ world, drop, begun }: Arena, { forMs }: PlannedFault): Promise<void> {
  const { lease, ...kept } = world.keysOf(drop)
  const keys = Object.values(kept)
  const script = (source: string, ...args: (string | Buffer)[]) =>
    world.redis.call((redis) => redis.callBuffer('EVAL', source, keys.length, ...keys, ...args))

  const image = (await script(DUMP)) as (Buffer | null)[]
  begun('Redis')
  await pause(forMs)
  await script(RESTORE, ...image.map((bytes) => bytes ?? Buffer.alloc(0)))
}

const DUMP = `
  local image = {}
  for i, key in ipairs(KEYS) do image[i] = redis.call('DUMP', key) or '' end
  return image`
const RESTORE = `
  for i, key in ipairs(KEYS) do
    redis.call('DEL', key)
    if ARGV[i] ~= '' then redis.call('RESTORE', key, 0, ARGV[i]) end
  end
  return 1`

/** Somebody else's transaction holds the row that every batch must lock. */
async function rowLocked({ world, drop, begun }: Arena, { forMs }: PlannedFault): Promise<void> {
  const other = connectPostgres(world.stack.databaseUrl, {
    max: 1,
    name: 'nemesis',
    lockMs: 5_000,
    statementMs: 30_000,
  })
  try {
    await other.sql.begin(async (tx) => {
      await tx`select from drops where id = ${drop} for update`
      begun('Postgres')
      await pause(forMs)
    })
  } finally {
    await other.close()
  }
}

/** The cable to one node loses packets. It runs on, so it is not hurt: it must not end by itself. */
function partitioned(loss: (place: Place) => Loss): Blow {
  return async (arena, fault) => {
    const place = await victim(arena, fault)
    const network = place?.network
    if (place === undefined || network === undefined) return

    network.lose(loss(place))
    await pause(fault.forMs)
    if (network.lost() === 0) arena.world.surprises.push(`${fault.id} lost no packet`)
    network.mend()
  }
}

function diskFull(store: 'redis' | 'postgres'): Blow {
  return async ({ world, begun }, { forMs }) => {
    const disk = world.disks?.[store]
    if (disk === undefined) throw new Error(`${store} has no disk of its own`)

    begun(store)
    disk.fill()
    await pause(forMs)
    disk.makeRoom()
  }
}

function atGates(store: 'redis' | 'postgres' | 'nats', hurt: (gate: Gate, at: number) => void): Blow {
  return async ({ world, begun }, { forMs }) => {
    begun(`the links to ${store}`)
    for (const [at, { gates }] of world.places.entries()) hurt(gates[store], at)
    await pause(forMs)
    for (const { gates } of world.places) gates[store].mend()
  }
}
