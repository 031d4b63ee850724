/** MemoryRollCall, on a clock that is wound by hand. */
import { describe } from 'vitest'
import { MemoryRollCall } from '../storage/roll/memory-roll-call.ts'
import { rollCallContract } from './contracts/roll-call.ts'

describe('a roll call in memory', () => {
  rollCallContract(() => {
    let nowMs = 1_000_000
    const passMs = (ms: number) => {
      nowMs += ms
    }
    return { roll: new MemoryRollCall(() => nowMs), passMs }
  })
})
