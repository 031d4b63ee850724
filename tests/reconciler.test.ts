/** The units of a node's drops, added up round after round. */
import { describe, expect, it } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import { REST_MS, Reconciler, type Unaccounted } from '../server/reconciler.ts'
import type { Finding } from '../storage/audit.ts'
import { HandClock } from './builders/hand-clock.ts'
import { dropOf } from './builders/people.ts'

const [SHOES, HATS] = [dropOf('shoes'), dropOf('hats')]

function finding(lost = 0, twice = 0): Finding {
  return { rule: 'I3', ok: lost + twice === 0, detail: `${lost} lost, ${twice} twice`, figures: { lost, twice } }
}

function world() {
  const clock = new HandClock()
  const told: Unaccounted[] = []
  const said: string[] = []
  const drops: DropId[] = [SHOES, HATS]
  const found = new Map<DropId, Finding | Error>()
  const log = {
    info: (event: string) => void said.push(event),
    warn: (event: string) => void said.push(event),
    error: (event: string, facts?: object) => void said.push(`${event} ${JSON.stringify(facts)}`),
  }
  const reconciler = new Reconciler({
    drops: () => drops,
    look: async (drop) => {
      const answer = found.get(drop) ?? finding()
      if (answer instanceof Error) throw answer
      return answer
    },
    told: (sum) => void told.push(sum),
    ...{ clock, log },
  })
  return { clock, reconciler, drops, found, told, said }
}

describe('the reconciler', () => {
  it('[NN6] adds up all drops that run here, and names the one that is wrong once', async () => {
    const { reconciler, found, told, said } = world()
    found.set(HATS, finding(2, 1))
    await reconciler.look()
    await reconciler.look()

    expect(told).toEqual([
      { lost: 2, twice: 1 },
      { lost: 2, twice: 1 },
    ])
    expect(said).toEqual([`stock.unaccounted ${JSON.stringify({ drop: HATS, detail: '2 lost, 1 twice' })}`])

    found.set(HATS, finding())
    await reconciler.look()
    expect(told.at(-1)).toEqual({ lost: 0, twice: 0 })
    expect(said.at(-1)).toBe('stock.accounted')
  })

  it('[NN6] tells nothing of a round that a store did not answer, and goes on with the next', async () => {
    const { reconciler, found, told, said } = world()
    found.set(SHOES, new Error('away'))
    await reconciler.look()

    expect(told).toEqual([])
    expect(said).toEqual(['reconciler.not_read'])

    found.delete(SHOES)
    await reconciler.look()
    expect(told).toEqual([{ lost: 0, twice: 0 }])
  })

  it('[NN6] forgets a drop that runs elsewhere now, and looks every fifteen seconds until it is stopped', async () => {
    const { clock, reconciler, drops, found, told, said } = world()
    found.set(HATS, finding(1))
    reconciler.start()
    await clock.advance(REST_MS)
    expect(told).toEqual([{ lost: 1, twice: 0 }])

    drops.pop()
    await clock.advance(REST_MS)
    drops.push(HATS)
    await clock.advance(REST_MS)
    expect(said.filter((line) => line.startsWith('stock.unaccounted'))).toHaveLength(2)

    await reconciler.stop()
    await clock.advance(10 * REST_MS)
    expect(told).toHaveLength(3)
  })
})
