/** The simulator in the suite: as many seeds as fit, the seeds that once failed, and the proof that it can fail. */
import { describe, expect, it } from 'vitest'
import { CONTROLS, type ControlName } from './simulation/controls.ts'
import { simulate } from './simulation/run.ts'
import { REGRESSIONS } from './simulation/seeds.ts'

const SEEDS = 500
/** A control is tried from here on until it fails: a late write of an old epoch needs a double fault of one kind. */
const CONTROLS_FROM: Partial<Record<ControlName, number>> = { no_min_epoch: 1_350 }
const CONTROL_SEEDS = 300

describe('the simulated fleet', () => {
  it(`[Z1] keeps every rule under the faults of ${SEEDS} seeds, and is at rest within 30 s of healing`, async () => {
    const broken: string[] = []
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const run = await simulate(seed)
      broken.push(...run.broken.map((rule) => `seed ${seed} (npm run sim -- --seed ${seed} --verbose): ${rule}`))
    }

    expect(broken).toEqual([])
  }, 180_000)

  it('[Z2] does the same again for the same seed', async () => {
    const [first, again] = [await simulate(13), await simulate(13)]

    expect(again.history.lines).toEqual(first.history.lines)
    expect(first.history.lines.length).toBeGreaterThan(100)
  })

  it.each(CONTROLS)(
    '[Z3] breaks a rule when one mechanism is taken out: %s',
    async (control) => {
      let broken: string[] = []
      const from = CONTROLS_FROM[control] ?? 1
      for (let seed = from; seed < from + CONTROL_SEEDS && broken.length === 0; seed += 1) {
        broken = (await simulate(seed, control)).broken
      }

      expect(broken).not.toEqual([])
    },
    180_000,
  )

  it.each(REGRESSIONS)('[Z4] holds where it once did not: $was', async ({ seed }) => {
    expect((await simulate(seed)).broken).toEqual([])
  })
})
