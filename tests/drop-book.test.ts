/** The drop book in plain objects: the contract, and the faults that it can play. */
import { describe, expect, it } from 'vitest'
import { dropBookContract } from './contracts/drop-book.ts'
import { memoryWorld } from './contracts/drop-book-memory.ts'
import { at, NODE_A, order, words } from './contracts/drop-book-world.ts'

dropBookContract('MemoryDropBook', async () => memoryWorld())

describe('MemoryDropBook: faults', () => {
  it('[P2] tells the truth when a commit whose answer was lost is asked again', async () => {
    const { book, plan, read } = memoryWorld()
    const { drop } = await plan()
    const batch = [order(drop, 'ana', at(1, 1))]

    book.refuse((call) => (call === 'write' ? 'after' : undefined))
    await expect(book.write(drop, 1, batch)).rejects.toMatchObject({ code: 'unavailable' })
    book.refuse()

    expect(words(await book.write(drop, 1, batch))).toEqual(['duplicate'])
    expect((await read(drop)).sold).toEqual({ shoe: 1 })
  })

  it('[P2] changes nothing in a call that is refused before it begins', async () => {
    const { book, plan } = memoryWorld()
    const { drop } = await plan()

    book.refuse(() => 'before')
    await expect(book.take(drop, NODE_A)).rejects.toMatchObject({ code: 'unavailable' })
    book.refuse()

    expect(await book.take(drop, NODE_A)).toMatchObject({ epoch: 1 })
  })
})
