import { describe, expect, it } from 'vitest'
import { BEAT_MS, GONE_AFTER_MS, Members } from '../bus/members.ts'
import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryNetwork } from '../bus/memory-network.ts'
import { subjects } from '../bus/subjects.ts'
import { packBody } from '../protocol/codec.ts'
import type { NodeId } from '../protocol/ids.ts'
import { rendezvous } from '../rooms/rendezvous.ts'
import { HandClock, settled } from './builders/hand-clock.ts'
import { dropOf, nodeOf } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'

function fleet() {
  const clock = new HandClock()
  const network = new MemoryNetwork({ after: (ms, call) => clock.after(ms, call) })
  const names = subjects('test')
  return {
    clock,
    network,
    names,
    node(name: string, sleep = { ms: 0 }) {
      const bus = new MemoryBus(network, notedLog())
      const members = new Members({
        bus,
        subjects: names,
        clock: {
          nowMs: clock.nowMs,
          monotonicMs: () => clock.monotonicMs() + sleep.ms,
          after: (ms, call) => clock.after(ms, call),
        },
        log: notedLog(),
        node: nodeOf(name),
        atBoot: 1,
      })
      const changes: string[] = []
      members.onChange((live) => changes.push(live.join(' ')))
      members.start()
      return { bus, members, changes }
    },
  }
}

describe('the members', () => {
  it('[B12] know each other before a beat has passed', async () => {
    const { node } = fleet()
    const [ana, ben] = [node('ana'), node('ben')]
    await settled()
    const eve = node('eve')
    await settled()

    for (const { members } of [ana, ben, eve]) expect(members.live()).toEqual(['ana', 'ben', 'eve'])
    expect(ana.changes).toEqual(['ana ben', 'ana ben eve'])
  })

  it('[B12] stay as long as they beat, and are gone after 1,250 ms of silence', async () => {
    const { clock, node } = fleet()
    const [ana, ben] = [node('ana'), node('ben')]
    await clock.advance(60_000)
    expect(ana.members.live()).toEqual(['ana', 'ben'])

    ben.bus.cut()
    await clock.advance(GONE_AFTER_MS)
    expect(ana.members.live()).toEqual(['ana', 'ben'])

    await clock.advance(250)
    expect(ana.members.live()).toEqual(['ana'])
    expect(ben.members.live()).toEqual(['ben'])

    ben.bus.mend()
    await settled()
    expect(ana.members.live()).toEqual(['ana', 'ben'])
  })

  it('[B12] are gone at once when they say goodbye, and a late beat does not bring them back', async () => {
    const { clock, network, node } = fleet()
    const [ana, ben] = [node('ana'), node('ben')]
    await settled()
    network.fate = ({ from }) => (from === ben.bus ? { lateMs: 300 } : 'deliver')
    await clock.advance(250)
    network.fate = () => 'deliver'

    await ben.members.stop()
    await settled()
    expect(ana.members.live()).toEqual(['ana'])

    await clock.advance(1_000)
    expect(ana.changes).toEqual(['ana ben', 'ana'])
  })

  it('[MM3] know how long the bus has not brought their own words back, and do not count their own sleep', async () => {
    const { clock, node } = fleet()
    const sleep = { ms: 0 }
    const [ana] = [node('ana', sleep), node('ben')]
    await clock.advance(60_000)
    expect(ana.members.unheardMs).toBeLessThanOrEqual(BEAT_MS)

    sleep.ms = 30_000
    await clock.advance(BEAT_MS)
    expect(ana.members.unheardMs).toBeLessThanOrEqual(BEAT_MS)

    ana.bus.cut()
    await clock.advance(3_000)
    expect(ana.members.unheardMs).toBeGreaterThanOrEqual(3_000)
    ana.bus.mend()
    await clock.advance(BEAT_MS)
    expect(ana.members.unheardMs).toBeLessThanOrEqual(BEAT_MS)
  })

  it('[B12] do not blame the others for their own sleep', async () => {
    const { clock, node } = fleet()
    const sleep = { ms: 0 }
    const [ana] = [node('ana', sleep), node('ben')]
    await clock.advance(1_000)

    sleep.ms = 30_000
    await clock.advance(5_000)

    expect(ana.changes).toEqual(['ana ben'])
  })

  it('[B13] know that they know everyone only after listening, connected, for as long as a silence may last', async () => {
    const { clock, node } = fleet()
    const ana = node('ana')
    expect(ana.members.knowsEveryone).toBe(false)
    await clock.advance(GONE_AFTER_MS)
    expect(ana.members.knowsEveryone).toBe(true)

    ana.bus.cut()
    expect(ana.members.knowsEveryone).toBe(false)
    ana.bus.mend()
    expect(ana.members.knowsEveryone).toBe(false)
    await clock.advance(GONE_AFTER_MS)
    expect(ana.members.knowsEveryone).toBe(true)

    await ana.members.stop()
    expect(ana.members.knowsEveryone).toBe(false)
  })

  it('[B12] take no more names than there can be nodes', async () => {
    const { network, names, node } = fleet()
    const ana = node('ana')
    const stranger = new MemoryBus(network, notedLog())

    for (let count = 0; count < 3_000; count += 1) {
      stranger.publish(names.heartbeat, packBody({ node: `made-up-${count}`, atBoot: 1, leaving: false }))
    }
    await settled()

    expect(ana.members.live()).toHaveLength(1_001)
  })
})

describe('the preferred nodes of a drop', () => {
  const nodes = ['a', 'b', 'c', 'd', 'e'].map(nodeOf)
  const drops = Array.from({ length: 5_000 }, (_, at) => dropOf(String(at)))
  const winners = (among: readonly NodeId[]) => drops.map((drop) => rendezvous(drop, among)[0])

  it('[B14] are the same for everybody, in whatever order the nodes are known', () => {
    for (const drop of drops.slice(0, 100)) {
      expect(rendezvous(drop, [...nodes].reverse())).toEqual(rendezvous(drop, nodes))
      expect([...rendezvous(drop, nodes)].sort()).toEqual(nodes)
    }
  })

  it('[B14] share the drops evenly', () => {
    const all = winners(nodes)

    for (const node of nodes) {
      const won = all.filter((winner) => winner === node).length
      expect(won).toBeGreaterThan(850)
      expect(won).toBeLessThan(1_150)
    }
  })

  it('[B14] change only for the drops of the node that left', () => {
    const before = winners(nodes)
    const after = winners(nodes.filter((node) => node !== 'c'))

    for (const [at, node] of before.entries()) if (node !== 'c') expect(after[at]).toBe(node)
    expect(after).not.toContain('c')
  })
})
