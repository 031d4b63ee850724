/** Work for thousands, a share a turn: the turns by themselves, and thousands who greet at once. */
import { describe, expect, it } from 'vitest'
import { GREETINGS_PER_TURN } from '../server/inbound/gateway-greeting.ts'
import { Turns } from '../server/turns.ts'
import { at, EdgeWorld } from './builders/edge-world.ts'
import { buyer, dropOf } from './builders/people.ts'

const SHOES = dropOf('shoes')

/** Turns that come when the test says so. */
function turnsOf(share: number) {
  const coming: (() => void)[] = []
  const turns = new Turns(share, (call) => coming.push(call))
  return {
    turns,
    /** False when nothing asked for another one. */
    next: () => {
      const calls = coming.splice(0)
      for (const call of calls) call()
      return calls.length > 0
    },
  }
}

describe('turns', () => {
  it('[DD12] do at once what fits into a share, and the rest in order, a share a turn', () => {
    const { turns, next } = turnsOf(10)
    const done: number[] = []

    for (let n = 1; n <= 8; n += 1) turns.take(4, () => done.push(n))

    expect([done.length, turns.waiting]).toEqual([2, 6])
    next()
    expect([done.length, turns.waiting]).toEqual([4, 4])
    next()
    next()
    expect(done).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect([next(), next()]).toEqual([true, false])
  })

  it('[DD12] give a piece that is larger than a share a turn to itself, and never let one overtake', () => {
    const { turns, next } = turnsOf(10)
    const done: string[] = []

    for (const [name, cost] of Object.entries({ small: 1, large: 25, tiny: 0 })) turns.take(cost, () => done.push(name))

    expect(done).toEqual(['small'])
    next()
    expect(done).toEqual(['small', 'large', 'tiny'].slice(0, 2))
    next()
    expect(done).toEqual(['small', 'large', 'tiny'])
  })

  it('[DD12] take what a piece of work asks for behind those who wait', () => {
    const { turns, next } = turnsOf(1)
    const done: string[] = []
    turns.take(1, () => done.push('first'))
    turns.take(1, () => turns.take(1, () => done.push('asked for')))
    turns.take(1, () => done.push('second'))

    while (next());

    expect(done).toEqual(['first', 'second', 'asked for'])
  })
})

describe('many who greet at once', () => {
  const ORDER = { type: 'order', id: 1, drop: SHOES, key: 'k1', lines: [{ sku: 'shoe', qty: 1 }] }

  async function crowd(count: number) {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const ana = await world.signedIn('ana')
    const ticket = world.tickets.issue({ user: buyer('ben'), role: 'fan', expiresAtMs: world.clock.nowMs() + 60_000 })
    const phones = Array.from({ length: count }, () => world.connect())
    for (const phone of phones) phone.say({ type: 'hello', resume: { ticket, drops: [], open: [] } })
    return { world, ana, phones, welcomed: () => phones.filter(({ peer }) => peer.heard.length > 0).length }
  }
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

  it('[DD15] are welcomed some at a time, and whoever is in orders past them', async () => {
    const { world, ana, welcomed } = await crowd(GREETINGS_PER_TURN * 3)

    expect(welcomed()).toBe(GREETINGS_PER_TURN)
    expect(world.gateway.greeting).toBe(GREETINGS_PER_TURN * 2)
    ana.say(ORDER)
    expect(world.claims).toHaveLength(1)
    await turn()
    expect(welcomed()).toBe(GREETINGS_PER_TURN * 2)
    await turn()
    expect([welcomed(), world.gateway.greeting]).toEqual([GREETINGS_PER_TURN * 3, 0])
  })

  it('[DD15] are heard in order when their turn has come, and are not too late by our waiting', async () => {
    const { world, phones } = await crowd(GREETINGS_PER_TURN + 1)
    const last = phones.at(-1)

    last?.say({ type: 'watch', id: 1, drop: SHOES, position: at(1, 0) })
    last?.say({ type: 'clock', t0: 1 })
    expect(last?.peer.heard).toEqual([])
    const nowMs = world.clock.monotonicMs()
    world.clock.monotonicMs = () => nowMs + 60_000
    world.roll.look()
    await turn()
    await turn()

    expect(last?.peer.heard.map(({ type }) => type)).toEqual(['welcome', 'clock', 'news'])
  })

  it('[DD15] and leave before their turn are not welcomed, and cost nobody anything', async () => {
    const { world, phones, welcomed } = await crowd(GREETINGS_PER_TURN * 3)

    for (const phone of phones.slice(GREETINGS_PER_TURN)) phone.peer.close('shutdown')
    await turn()
    await turn()

    expect([welcomed(), world.gateway.greeting]).toEqual([GREETINGS_PER_TURN, 0])
    expect(new Set(phones.map(({ session }) => session.standing.state))).toEqual(new Set(['signed_in', 'closing']))
    expect(phones.at(-1)?.session.standing.state).toBe('closing')
  })
})
