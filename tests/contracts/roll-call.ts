/** What every roll call must do. `passMs` lets time pass: wound by hand in memory and for Redis alike. */
import { beforeEach, expect, it } from 'vitest'
import type { RollCall } from '../../rooms/ports.ts'
import { nodeOf } from '../builders/people.ts'

const [ana, ben, cleo] = [nodeOf('ana'), nodeOf('ben'), nodeOf('cleo')]

export function rollCallContract(make: () => { roll: RollCall; passMs(ms: number): void }): void {
  let roll: RollCall
  let passMs: (ms: number) => void

  beforeEach(() => {
    const made = make()
    roll = made.roll
    passMs = made.passMs
  })

  it('[MM5] is nobody, and not oneself', async () => {
    expect(await roll.others(ana, 1_000)).toEqual([])
    await roll.here(ana)

    expect(await roll.others(ana, 1_000)).toEqual([])
    expect(await roll.others(ben, 1_000)).toEqual([ana])
  })

  it('[MM5] forgets who was not there for a while, and takes back who is there again', async () => {
    await roll.here(ben)
    passMs(1_500)
    expect(await roll.others(ana, 1_000)).toEqual([])
    expect(await roll.others(ana, 2_000)).toEqual([ben])

    await roll.here(ben)
    expect(await roll.others(ana, 1_000)).toEqual([ben])
  })

  it('[MM5] does not count who has left', async () => {
    await roll.here(ana)
    await roll.here(ben)
    await roll.left(ben)

    expect(await roll.others(ana, 1_000)).toEqual([])
    expect(await roll.others(ben, 1_000)).toEqual([ana])
  })

  it('[MM5, OO3] names the others', async () => {
    for (const node of [ana, ben, cleo]) await roll.here(node)

    expect((await roll.others(ana, 1_000)).sort()).toEqual([ben, cleo])
    expect(await roll.others(nodeOf('dora'), 1_000)).toHaveLength(3)
  })
}
