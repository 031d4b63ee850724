/** Does to the world what the plan says, and undoes all of it at the end. */
import type { SimulatedNode } from './node.ts'
import type { PlannedFault } from './plan.ts'
import type { SimulatedWorld } from './world.ts'

export function letFaultsHappen(world: SimulatedWorld): void {
  for (const fault of world.plan.faults) {
    world.time.at(fault.atMs, () => {
      world.say(`### ${fault.kind} for ${fault.forMs.toFixed(0)} ms`)
      happen(world, fault)
    })
  }
}

/** Everything is whole again; what was lost is lost. */
export function heal(world: SimulatedWorld): void {
  world.say('### healed')
  world.redis.heal()
  world.postgres.heal()
  world.busLoses = 0
  world.split.clear()
  for (const node of world.nodes) {
    node.cutUntilMs = 0
    node.bus.mend()
    node.process.goOn()
  }
}

function happen(world: SimulatedWorld, fault: PlannedFault): void {
  const { kind, forMs, who } = fault
  const { time, redis, postgres, memoryLedger, history } = world
  const later = (ms: number, call: () => void) => void time.after(ms, call)
  const endsAt = (call: () => void): void => later(Math.min(forMs, world.plan.faultsEndMs - time.nowMs), call)
  const owner = world.leases.holderNow(world.drop)
  const node =
    who === 'owner' ? world.nodes.find((one) => one.node === owner) : world.nodes[Math.floor(who * world.nodes.length)]

  switch (kind) {
    case 'redis_wiped':
      memoryLedger.wipe()
      world.roll.wipe()
      history.forgotMs.push(time.nowMs)
      return
    case 'redis_rolled_back': {
      const image = memoryLedger.image()
      endsAt(() => {
        world.say('### rolled back')
        memoryLedger.restore(image)
        if (fault.inPlace !== true) redis.generation += 1
        history.forgotMs.push(time.nowMs)
      })
      return
    }
    case 'redis_down':
    case 'postgres_down': {
      const server = kind === 'redis_down' ? redis : postgres
      server.state = 'down'
      endsAt(() => server.goOn())
      return
    }
    case 'redis_hung':
    case 'postgres_hung': {
      const server = kind === 'redis_hung' ? redis : postgres
      server.state = 'hung'
      endsAt(() => server.goOn())
      return
    }
    case 'redis_forgets_answers':
    case 'postgres_commit_unknown': {
      const server = kind === 'redis_forgets_answers' ? redis : postgres
      server.forgetsAnswer = 0.3
      endsAt(() => {
        server.forgetsAnswer = 0
      })
      return
    }
    case 'redis_late':
    case 'postgres_late': {
      const server = kind === 'redis_late' ? redis : postgres
      server.isLate = fault.share ?? 0.2
      server.arriveMs = fault.arriveMs
      endsAt(() => {
        server.isLate = 0
      })
      return
    }
    case 'postgres_refuses':
      postgres.refuses = 0.5
      endsAt(() => {
        postgres.refuses = 0
      })
      return
    case 'lease_deleted': {
      const holder = world.leases.holderNow(world.drop)
      if (holder !== undefined) void world.leases.release(world.drop, holder)
      return
    }
    case 'bus_lossy':
      world.busLoses = 0.2
      endsAt(() => {
        world.busLoses = 0
      })
      return
  }
  if (node !== undefined) happenTo(world, node, kind, forMs, endsAt, later)
}

function happenTo(
  world: SimulatedWorld,
  node: SimulatedNode,
  kind: 'crash' | 'leave' | 'pause' | 'bus_cut' | 'bus_split' | 'partition',
  forMs: number,
  endsAt: (call: () => void) => void,
  later: (ms: number, call: () => void) => void,
): void {
  world.say(`### … to ${node.node}`)
  switch (kind) {
    case 'crash':
      node.crash()
      world.remove(node)
      later(forMs / 4, () => world.join())
      return
    case 'leave':
      void node.leave().then(() => world.remove(node))
      later(forMs / 4, () => world.join())
      return
    case 'pause':
      node.process.stop()
      endsAt(() => node.process.goOn())
      return
    case 'bus_cut':
      node.bus.cut()
      endsAt(() => node.bus.mend())
      return
    case 'bus_split':
      world.split.add(node.bus)
      endsAt(() => world.split.delete(node.bus))
      return
    case 'partition':
      world.split.add(node.bus)
      node.cutUntilMs = world.time.nowMs + forMs
      endsAt(() => world.split.delete(node.bus))
      return
  }
}
