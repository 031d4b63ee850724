/** MemoryLeases, on a clock that is wound by hand. */
import { describe } from 'vitest'
import { MemoryLeases } from '../storage/leases/memory-leases.ts'
import { leasesContract } from './contracts/leases.ts'

describe('a lease in memory', () => {
  leasesContract(async () => {
    let nowMs = 1_000_000
    return {
      leases: new MemoryLeases(() => nowMs),
      async passMs(ms) {
        nowMs += ms
      },
    }
  })
})
