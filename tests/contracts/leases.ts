/** What every kind of lease must do. `passMs` lets time pass: wound by hand in memory, waited for in Redis. */
import { beforeAll, expect, it } from 'vitest'
import type { Leases } from '../../rooms/ports.ts'
import { newDrop, OTHER, OWNER } from './ledger-world.ts'

const LONG_MS = 60_000
const SHORT_MS = 30

export function leasesContract(make: () => Promise<{ leases: Leases; passMs(ms: number): Promise<void> }>): void {
  let leases: Leases
  let passMs: (ms: number) => Promise<void>

  beforeAll(async () => {
    const made = await make()
    leases = made.leases
    passMs = made.passMs
  })

  it('[L20] has one holder at a time', async () => {
    const drop = newDrop()

    expect(await leases.acquire(drop, OWNER, LONG_MS)).toBe(true)
    expect(await leases.acquire(drop, OTHER, LONG_MS)).toBe(false)

    expect(await leases.holder(drop)).toBe(OWNER)
    expect(await leases.holder(newDrop())).toBeUndefined()
  })

  it('[L20] is one per drop', async () => {
    const [one, two] = [newDrop(), newDrop()]
    await leases.acquire(one, OWNER, LONG_MS)

    expect(await leases.acquire(two, OTHER, LONG_MS)).toBe(true)
  })

  it('[L20] may be acquired again by its holder, for a reply may have been lost', async () => {
    const drop = newDrop()
    await leases.acquire(drop, OWNER, SHORT_MS)

    expect(await leases.acquire(drop, OWNER, LONG_MS)).toBe(true)
    await passMs(SHORT_MS * 2)

    expect(await leases.holder(drop)).toBe(OWNER)
  })

  it('[L21] ends by itself', async () => {
    const drop = newDrop()
    await leases.acquire(drop, OWNER, SHORT_MS)
    await passMs(SHORT_MS * 2)

    expect(await leases.holder(drop)).toBeUndefined()
    expect(await leases.acquire(drop, OTHER, LONG_MS)).toBe(true)
  })

  it('[L21] says how long it stands yet', async () => {
    const [mine, nobodys] = [newDrop(), newDrop()]
    await leases.acquire(mine, OWNER, LONG_MS)

    expect(await leases.restMs(mine)).toBeGreaterThan(LONG_MS - 5_000)
    expect(await leases.restMs(mine)).toBeLessThanOrEqual(LONG_MS)
    expect(await leases.restMs(nobodys)).toBe(0)
  })

  it('[L21] is extended for its holder only, and never out of nothing', async () => {
    const [mine, theirs, nobodys] = [newDrop(), newDrop(), newDrop()]
    await leases.acquire(mine, OWNER, SHORT_MS)
    await leases.acquire(theirs, OTHER, SHORT_MS)

    expect(await leases.renew([mine, theirs, nobodys], OWNER, LONG_MS)).toEqual(new Set([mine]))
    expect(await leases.renew([], OWNER, LONG_MS)).toEqual(new Set())
    await passMs(SHORT_MS * 2)

    expect(await Promise.all([mine, theirs, nobodys].map((drop) => leases.holder(drop)))).toEqual([
      OWNER,
      undefined,
      undefined,
    ])
  })

  it('[L22] is given up by its holder only', async () => {
    const drop = newDrop()
    await leases.acquire(drop, OWNER, LONG_MS)

    await leases.release(drop, OTHER)
    expect(await leases.holder(drop)).toBe(OWNER)

    await leases.release(drop, OWNER)
    expect(await leases.holder(drop)).toBeUndefined()
    expect(await leases.acquire(drop, OTHER, LONG_MS)).toBe(true)
  })
}
