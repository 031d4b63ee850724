/**
 * A short fuzz of every reader of what strangers send; `npm run fuzz -- --seconds 60` is the long one. Another seed at
 * each run, so that a hundred runs are not one run: a failure names it, and the same seed finds the same input again.
 */
import { describe, expect, it } from 'vitest'
import { Mutator } from './fuzz/mutator.ts'
import { fuzz } from './fuzz/run.ts'
import { type FuzzTarget, TARGETS } from './fuzz/targets.ts'
import { Dice } from './simulation/dice.ts'

const SEED = Number(process.env.LIVEDROP_FUZZ_SEED ?? Math.floor(Math.random() * 1_000_000))
const FOR_MS = 700

describe(`fuzzing with seed ${SEED}`, () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))(
    '[LL6] %s: nothing is thrown, and what is read is true',
    async (name, target) => {
      const run = await fuzz(target, SEED, FOR_MS)
      console.log(
        `${name}: seed ${SEED}, ${run.inputs} inputs, ${run.kinds} kinds, slowest ${run.slowestMs.toFixed(1)} ms`,
      )

      expect(run.found).toEqual([])
      expect(run.inputs).toBeGreaterThan(target.seeds.length)
    },
  )

  it('[LL6] the same seed is the same input, and a reader that throws is found', async () => {
    const seeds = [Buffer.from('{"type":"clock","t0":1}'), Buffer.from('12-34')]
    const [one, two] = [1, 2].map(() => {
      const mutator = new Mutator(new Dice(7), seeds)
      return Array.from({ length: 200 }, () => Buffer.from(mutator.next()).toString('hex'))
    })
    expect(one).toEqual(two)

    const careless: FuzzTarget = {
      ...{ name: 'careless', seeds },
      take: (bytes) => String(JSON.parse(Buffer.from(bytes).toString()).t0),
    }
    expect((await fuzz(careless, 7, 5_000)).found.length).toBeGreaterThan(0)
  })
})
