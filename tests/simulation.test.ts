/** The simulator in the suite: as many seeds as fit, the seeds that once failed, and the proof that it can fail. */
import { describe, expect, it } from 'vitest'
import { CONTROLS, type ControlName } from './simulation/controls.ts'
import { simulate } from './simulation/run.ts'
import { SCHEDULES, type ScheduleName } from './simulation/schedules.ts'
import { REGRESSIONS } from './simulation/seeds.ts'

const SEEDS = 2_000
/** What some of the mechanisms are for seldom comes about by chance: their controls follow a schedule. */
const SCHEDULE_OF: Partial<Record<ControlName, ScheduleName>> = {
  no_chain: 'late_batch',
  no_copy: 'alone',
  no_writer_epoch: 'late_owner',
  no_fence: 'late_drain',
}
/** A control is tried until it fails. Each fails within the first fifteen seeds. */
const CONTROL_SEEDS = 60
const SCHEDULE_SEEDS = 40

describe('the simulated fleet', () => {
  it(`[Z1] keeps every rule under the faults of ${SEEDS} seeds, and is at rest within 30 s of healing`, async () => {
    const broken: string[] = []
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const run = await simulate(seed)
      broken.push(...run.broken.map((rule) => `seed ${seed} (npm run sim -- --seed ${seed} --verbose): ${rule}`))
    }

    expect(broken).toEqual([])
  }, 600_000)

  it('[Z2] does the same again for the same seed', async () => {
    const [first, again] = [await simulate(13), await simulate(13)]

    expect(again.history.lines).toEqual(first.history.lines)
    expect(first.history.lines.length).toBeGreaterThan(100)
  })

  it.each(CONTROLS)(
    '[Z3] breaks a rule when one mechanism is taken out: %s',
    async (control) => {
      let broken: string[] = []
      const schedule = SCHEDULE_OF[control]
      for (let seed = 1; seed <= CONTROL_SEEDS && broken.length === 0; seed += 1) {
        broken = (await simulate(seed, { control, schedule })).broken
      }

      expect(broken).not.toEqual([])
    },
    180_000,
  )

  it.each(SCHEDULES)(
    `[FF3] keeps every rule in ${SCHEDULE_SEEDS} histories of what chance seldom brings about: %s`,
    async (schedule) => {
      const broken: string[] = []
      for (let seed = 1; seed <= SCHEDULE_SEEDS; seed += 1) {
        const run = await simulate(seed, { schedule })
        broken.push(...run.broken.map((rule) => `seed ${seed}: ${rule}`))
      }

      expect(broken).toEqual([])
    },
    180_000,
  )

  it(`[MM4] changes hands once when the bus leaves the owner out, in ${SCHEDULE_SEEDS} histories`, async () => {
    for (let seed = 1; seed <= SCHEDULE_SEEDS; seed += 1) {
      const { history } = await simulate(seed, { schedule: 'left_out' })

      expect(
        history.lines.filter((line) => line.includes('out of reach')),
        `seed ${seed}`,
      ).toHaveLength(1)
      expect(history.epochs, `seed ${seed}`).toEqual([1, 2])
    }
  }, 180_000)

  it.each(REGRESSIONS)('[Z4] holds where it once did not: $was', async ({ seed }) => {
    expect((await simulate(seed)).broken).toEqual([])
  })
})
