/** MemoryLedger: the contract, and the ways in which it can lose what it said. */
import { describe, expect, it } from 'vitest'
import { MemoryLeases } from '../storage/leases/memory-leases.ts'
import { MemoryLedger } from '../storage/ledger/memory-ledger.ts'
import { ledgerContract } from './contracts/ledger.ts'
import { ask, OWNER, openDrop, wholeLog } from './contracts/ledger-world.ts'

function windable(startMs = 1_000_000) {
  const clock = { nowMs: startMs }
  const leases = new MemoryLeases(() => clock.nowMs)
  const ledger = new MemoryLedger(leases, () => clock.nowMs)
  return { clock, world: { ledger, leases, nowMs: async () => clock.nowMs } }
}

describe('a ledger in memory', () => {
  ledgerContract(async () => windable().world)

  it('[L6] sells from the very millisecond of the opening to the last one before the end', async () => {
    const { clock, world } = windable(1_000)
    const drop = await openDrop(world, { opensAtMs: 2_000, closesAtMs: 3_000, stock: { shoe: 9 } })
    const wordAt = async (nowMs: number) => {
      clock.nowMs = nowMs
      return (await drop.verdicts(ask('ana', { shoe: 1 }, `at-${nowMs}`)))[0]
    }

    expect(await wordAt(1_999)).toBe('early')
    expect(await wordAt(2_000)).toBe('accepted')
    expect(await wordAt(2_999)).toBe('accepted')
    expect(await wordAt(3_000)).toBe('closed')
  })

  it('[L12] opens in the very millisecond and not before', async () => {
    const { clock, world } = windable(1_999)
    const drop = await openDrop(world, { phase: 'scheduled', opensAtMs: 2_000 })
    const open = () => drop.adjust('op', { kind: 'phase', from: ['scheduled'], to: 'open' })

    expect((await open()).answer).toBe('early')
    clock.nowMs = 2_000
    expect((await open()).answer).toBe('applied')
  })

  it('[L19] can go back in time, and the owner who knows more is refused', async () => {
    const { world } = windable()
    const drop = await openDrop(world)
    await drop.order(ask('ana'))
    const image = world.ledger.image()
    await drop.order(ask('ben'))

    world.ledger.restore(image)

    expect(await world.ledger.order(drop.drop, drop.fence, [ask('cem')])).toEqual({
      ...{ answer: 'out_of_sequence', seq: 1, batch: 1 },
    })
    expect(await wholeLog(world.ledger, drop.drop)).toHaveLength(1)
    world.ledger.restore(image)
    expect(await drop.left()).toEqual({ shoe: 2 })
  })

  it('[L19] can lose everything, leases too', async () => {
    const { world } = windable()
    const drop = await openDrop(world)

    world.ledger.wipe()

    expect(await world.ledger.order(drop.drop, drop.fence, [ask('ana')])).toEqual({ answer: 'no_room' })
    expect(await world.ledger.adopt(drop.drop, 2, OWNER)).toEqual({ answer: 'no_lease' })
  })
})
