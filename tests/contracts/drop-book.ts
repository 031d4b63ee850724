/** What every drop book must do. One suite for both: the plain-object one is the measure of the one in Postgres. */
import { beforeAll, describe, expect, it } from 'vitest'
import { ask, buyer, lines } from '../builders/people.ts'
import { allKept, at, type DropBookWorld, NODE_A, NODE_B, order, phase, restocked, words } from './drop-book-world.ts'

export function dropBookContract(name: string, makeWorld: () => Promise<DropBookWorld>): void {
  describe(`${name}: orders become rows`, () => {
    let world: DropBookWorld
    beforeAll(async () => {
      world = await makeWorld()
    })

    it('[P1] confirms what fits, and counts its units', async () => {
      const { drop } = await world.plan({ stock: { shoe: 10 } })

      const outcomes = await world.book.write(drop, 1, [
        order(drop, 'ana', at(1, 1), { shoe: 2 }),
        order(drop, 'ben', at(1, 2)),
      ])

      expect(words(outcomes)).toEqual(['confirmed', 'confirmed'])
      const written = await world.read(drop)
      expect(written.sold).toEqual({ shoe: 3 })
      expect(written.watermark).toEqual(at(1, 2))
      expect(written.held).toEqual({ [`${buyer('ana')} shoe`]: 2, [`${buyer('ben')} shoe`]: 1 })
    })

    it('[P1] answers an empty batch with nothing', async () => {
      const { drop } = await world.plan()

      expect(await world.book.write(drop, 1, [])).toEqual([])
    })

    it('[P2] changes nothing when a batch is written again', async () => {
      const { drop } = await world.plan({ stock: { shoe: 3 }, limit: 2 })
      const batch = [
        phase('paused', at(1, 1)),
        order(drop, 'ana', at(1, 2), { shoe: 2 }),
        order(drop, 'ana', at(1, 3), { shoe: 1 }, 'k2'),
        order(drop, 'ben', at(1, 4), { shoe: 2 }),
      ]

      const first = await world.book.write(drop, 1, batch)
      const before = await world.read(drop)
      const again = await world.book.write(drop, 1, batch)

      expect(words(first)).toEqual(['applied', 'confirmed', 'revoked limit', 'revoked total'])
      expect(words(again)).toEqual(['duplicate', 'duplicate', 'revoked limit', 'revoked total'])
      expect(await world.read(drop)).toEqual(before)
    })

    it('[P2] takes an order once when a batch holds it twice', async () => {
      const { drop } = await world.plan()

      const outcomes = await world.book.write(drop, 1, [
        order(drop, 'ana', at(1, 1), { shoe: 2 }),
        order(drop, 'ana', at(1, 1), { shoe: 2 }),
        order(drop, 'ana', at(1, 2), { shoe: 2 }),
      ])

      expect(words(outcomes)).toEqual(['confirmed', 'duplicate', 'duplicate'])
      expect((await world.read(drop)).sold).toEqual({ shoe: 2 })
    })

    it('[P4] revokes the order that passes the total, and confirms the rest of its batch', async () => {
      const { drop } = await world.plan({ stock: { shoe: 3 } })

      const outcomes = await world.book.write(drop, 1, [
        order(drop, 'ana', at(1, 1), { shoe: 2 }),
        order(drop, 'ben', at(1, 2), { shoe: 2 }),
        order(drop, 'cem', at(1, 3), { shoe: 1 }),
        order(drop, 'dia', at(1, 4), { shoe: 1 }),
      ])

      expect(words(outcomes)).toEqual(['confirmed', 'revoked total', 'confirmed', 'revoked total'])
      expect((await world.read(drop)).sold).toEqual({ shoe: 3 })
      expect(outcomes[1]).toMatchObject({ returns: false })
    })

    it('[P4] revokes an order for something that the drop does not sell', async () => {
      const { drop } = await world.plan()

      const outcomes = await world.book.write(drop, 1, [
        order(drop, 'ana', at(1, 1), { hat: 1 }),
        order(drop, 'ben', at(1, 2)),
      ])

      expect(words(outcomes)).toEqual(['revoked total', 'confirmed'])
      expect((await world.read(drop)).sold).toEqual({ shoe: 1 })
    })

    it('[P5] holds a buyer to the limit of an item, over batches and within one', async () => {
      const { drop } = await world.plan({ stock: { shoe: 10, hat: 10 }, limits: { shoe: 2 } })
      await world.book.write(drop, 1, [order(drop, 'ana', at(1, 1), { shoe: 1 })])

      const outcomes = await world.book.write(drop, 1, [
        order(drop, 'ana', at(1, 2), { shoe: 1 }, 'k2'),
        order(drop, 'ana', at(1, 3), { shoe: 1 }, 'k3'),
        order(drop, 'ana', at(1, 4), { hat: 9 }, 'k4'),
        order(drop, 'ben', at(1, 5), { shoe: 3 }),
      ])

      expect(words(outcomes)).toEqual(['confirmed', 'revoked limit', 'confirmed', 'revoked limit'])
      expect(outcomes[1]).toMatchObject({ returns: true })
      expect((await world.read(drop)).held).toEqual({ [`${buyer('ana')} shoe`]: 2, [`${buyer('ana')} hat`]: 9 })
    })

    it('[P5] holds a buyer to the limit of the drop, over all its items', async () => {
      const { drop } = await world.plan({ stock: { shoe: 10, hat: 10 }, limit: 3 })

      const outcomes = await world.book.write(drop, 1, [
        order(drop, 'ana', at(1, 1), { shoe: 1, hat: 1 }),
        order(drop, 'ana', at(1, 2), { hat: 2 }, 'k2'),
        order(drop, 'ana', at(1, 3), { shoe: 1 }, 'k3'),
        order(drop, 'ben', at(1, 4), { shoe: 4 }),
      ])

      expect(words(outcomes)).toEqual(['confirmed', 'revoked limit', 'confirmed', 'revoked limit'])
    })

    it('[P5] says total rather than limit when both are passed, so that no unit goes back that never was', async () => {
      const { drop } = await world.plan({ stock: { shoe: 1 }, limit: 1 })

      const outcomes = await world.book.write(drop, 1, [order(drop, 'ana', at(1, 1), { shoe: 2 })])

      expect(outcomes).toEqual([{ outcome: 'revoked', reason: 'total', returns: false }])
    })

    it('[P6] takes all lines of an order or none', async () => {
      const { drop } = await world.plan({ stock: { shoe: 5, hat: 1 } })

      const outcomes = await world.book.write(drop, 1, [
        order(drop, 'ana', at(1, 1), { shoe: 1, hat: 1 }),
        order(drop, 'ben', at(1, 2), { shoe: 1, hat: 1 }),
        order(drop, 'cem', at(1, 3), { shoe: 4 }),
      ])

      expect(words(outcomes)).toEqual(['confirmed', 'revoked total', 'confirmed'])
      expect((await world.read(drop)).sold).toEqual({ shoe: 5, hat: 1 })
    })

    it('[P7] gives a key one order for ever, and revokes an order of another id under it', async () => {
      const { drop } = await world.plan()
      const impostor = { ...order(drop, 'ana', at(1, 2)), orderId: ask(drop, 'somebody').orderId }

      const outcomes = await world.book.write(drop, 1, [
        order(drop, 'ana', at(1, 1)),
        impostor,
        order(drop, 'ben', at(1, 3)),
      ])
      const before = await world.read(drop)
      const again = await world.book.write(drop, 1, [impostor])

      expect(words(outcomes)).toEqual(['confirmed', 'revoked key', 'confirmed'])
      expect(words(again)).toEqual(['revoked key'])
      expect(before.sold).toEqual({ shoe: 2 })
      expect(before.told.filter((told) => told.includes('revoked'))).toHaveLength(1)
      expect(await world.read(drop)).toEqual(before)
    })

    it('[P8] never sets the watermark back', async () => {
      const { drop } = await world.plan()
      await world.book.write(drop, 1, [order(drop, 'ana', at(2, 7))])

      await world.book.write(drop, 1, [order(drop, 'ben', at(1, 90))])
      expect((await world.read(drop)).watermark).toEqual(at(2, 7))

      await world.book.write(drop, 1, [order(drop, 'cem', at(3, 1))])
      expect((await world.read(drop)).watermark).toEqual(at(3, 1))
    })

    it('[O1] tells each transition once, whatever is written again', async () => {
      const { drop } = await world.plan({ stock: { shoe: 2 } })
      const [ana, ben, cem] = [order(drop, 'ana', at(1, 1)), order(drop, 'ben', at(1, 2)), order(drop, 'cem', at(1, 3))]

      await world.book.write(drop, 1, [ana])
      await world.book.write(drop, 1, [ana, ben, cem])
      await world.book.write(drop, 1, [ana, ben, cem])

      expect((await world.read(drop)).told).toEqual(
        [
          `order_confirmed ${ana.orderId}`,
          `order_confirmed ${ben.orderId}`,
          `order_revoked ${cem.orderId} total`,
        ].sort(),
      )
    })

    it('[P1] knows no drop that is not there', async () => {
      const { drop } = await world.plan()
      const unknown = ask(drop, 'x').buyer as unknown as typeof drop

      await expect(world.book.write(unknown, 1, [order(unknown, 'ana', at(1, 1))])).rejects.toMatchObject({
        code: 'not_found',
      })
      expect(await world.book.take(unknown, NODE_A)).toBeUndefined()
      expect(await world.book.fence(unknown, 1)).toBeUndefined()
    })
  })

  describe(`${name}: owners and fences`, () => {
    let world: DropBookWorld
    beforeAll(async () => {
      world = await makeWorld()
    })

    it('[P9] mints epochs that only rise, and names the owner before', async () => {
      const { drop, creator } = await world.plan()

      expect(await world.book.take(drop, NODE_A)).toEqual({
        lowStockAt: null,
        epoch: 1,
        previousOwner: null,
        watermark: at(0, 0),
        minEpoch: 0,
        creator,
      })
      await world.book.write(drop, 1, [order(drop, 'ana', at(1, 1))])
      expect(await world.book.take(drop, NODE_B)).toEqual({
        lowStockAt: null,
        epoch: 2,
        previousOwner: NODE_A,
        watermark: at(1, 1),
        minEpoch: 0,
        creator,
      })
    })

    it('[P9] says to whoever comes next since which epoch a ledger can be whole', async () => {
      const { drop } = await world.plan()
      await world.book.take(drop, NODE_A)
      await world.book.take(drop, NODE_B)
      await world.book.fence(drop, 2)

      expect(await world.book.take(drop, NODE_A)).toMatchObject({ epoch: 3, minEpoch: 2 })
    })

    it('[P9] mints no epoch twice, however many ask at once', async () => {
      const { drop } = await world.plan()

      const taken = await Promise.all(
        Array.from({ length: 20 }, (_, n) => world.book.take(drop, `node-${n}` as typeof NODE_A)),
      )

      const epochs = taken.map((one) => one?.epoch ?? 0).sort((a, b) => a - b)
      expect(epochs).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
      // Each names the one before it: nobody who held the drop is passed over when journals are asked for.
      const ownerOf = new Map(taken.map((one, n) => [one?.epoch, `node-${n}`]))
      for (const one of taken) expect(one?.previousOwner ?? undefined).toBe(ownerOf.get((one?.epoch ?? 0) - 1))
    })

    it('[P9] still mints for a drop that is over', async () => {
      const { drop } = await world.plan({ phase: 'closed' })

      expect(await world.book.take(drop, NODE_A)).toMatchObject({ epoch: 1 })
    })

    it('[P3] refuses entries of before the fence, and takes later ones', async () => {
      const { drop } = await world.plan()
      await world.book.take(drop, NODE_A)
      const early = order(drop, 'ana', at(1, 1))
      await world.book.write(drop, 1, [early])
      await world.book.take(drop, NODE_B)
      await world.book.fence(drop, 2)

      const outcomes = await world.book.write(drop, 2, [
        order(drop, 'ben', at(1, 2)),
        phase('paused', at(1, 3)),
        order(drop, 'cem', at(2, 1)),
      ])

      expect(words(outcomes)).toEqual(['stale', 'stale', 'confirmed'])
      const written = await world.read(drop)
      expect(written.sold).toEqual({ shoe: 2 })
      expect(written.phase).toBe('open')
      // A stale order leaves no trace, so that it can be placed anew under its own key.
      expect(words(await world.book.write(drop, 2, [order(drop, 'ben', at(2, 2))]))).toEqual(['confirmed'])
    })

    it('[P3] takes a stale order and the same order placed anew in one batch', async () => {
      const { drop } = await world.plan()
      await world.book.take(drop, NODE_A)
      await world.book.take(drop, NODE_A)
      await world.book.fence(drop, 2)

      const outcomes = await world.book.write(drop, 2, [
        order(drop, 'ana', at(1, 5), { shoe: 2 }),
        order(drop, 'ana', at(2, 1), { shoe: 2 }),
      ])

      expect(words(outcomes)).toContain('confirmed')
      const written = await world.read(drop)
      expect(written.sold).toEqual({ shoe: 2 })
      expect(written.held).toEqual({ [`${buyer('ana')} shoe`]: 2 })
    })

    it('[P3] calls a written order of before the fence a duplicate and not stale', async () => {
      const { drop } = await world.plan({ stock: { shoe: 1 } })
      await world.book.take(drop, NODE_A)
      const [ana, ben] = [order(drop, 'ana', at(1, 1)), order(drop, 'ben', at(1, 2))]
      await world.book.write(drop, 1, [ana, ben])
      await world.book.take(drop, NODE_B)
      await world.book.fence(drop, 2)

      expect(words(await world.book.write(drop, 2, [ana, ben]))).toEqual(['duplicate', 'revoked total'])
    })

    it('[P29] takes nothing from whoever is not the latest owner, whatever it is and whichever epoch it is of', async () => {
      const { drop } = await world.plan()
      await world.book.take(drop, NODE_A)
      const ana = order(drop, 'ana', at(1, 1))
      await world.book.write(drop, 1, [ana])
      await world.book.take(drop, NODE_B)
      const before = await world.read(drop)
      const late = [ana, order(drop, 'ben', at(1, 2)), phase('paused', at(1, 3)), order(drop, 'cem', at(2, 1))]

      expect(await world.book.write(drop, 1, late)).toBe('fenced')
      expect(await world.book.write(drop, 1, late.slice(0, 1))).toBe('fenced')
      expect(await world.read(drop)).toEqual(before)
    })

    it('[P29] takes the entries of earlier owners from the latest one', async () => {
      const { drop } = await world.plan()
      await world.book.take(drop, NODE_A)
      const taken = await world.book.take(drop, NODE_B)
      const left = [order(drop, 'ana', at(1, 1)), phase('paused', at(1, 2))]

      expect(taken).toMatchObject({ watermark: at(0, 0), minEpoch: 0 })
      expect(words(await world.book.write(drop, 2, left))).toEqual(['confirmed', 'applied'])
      expect(await world.read(drop)).toMatchObject({ phase: 'paused', watermark: at(1, 2), sold: { shoe: 1 } })
    })

    it('[P10] fences only for the latest epoch, and says what is left', async () => {
      const { drop } = await world.plan({ stock: { shoe: 5, hat: 2 }, limits: { hat: 1 }, limit: 4, opensAtMs: 1_000 })
      await world.book.take(drop, NODE_A)
      await world.book.write(drop, 1, [order(drop, 'ana', at(1, 1), { shoe: 2, hat: 1 })])
      await world.book.take(drop, NODE_B)

      expect(await world.book.fence(drop, 1)).toBeUndefined()
      expect(await world.book.fence(drop, 2)).toEqual({
        seed: {
          phase: 'open',
          opensAtMs: 1_000,
          closesAtMs: null,
          limitPerBuyer: 4,
          items: [
            { sku: 'shoe', left: 3, limit: null },
            { sku: 'hat', left: 1, limit: 1 },
          ],
        },
        opIds: [],
      })
    })

    it('[P10] counts a restock from the moment Postgres has it, and says so', async () => {
      const { drop } = await world.plan({ stock: { shoe: 1 } })
      await world.book.take(drop, NODE_A)
      await world.restock(drop, 'restock-1', 'shoe', 4)

      const fenced = await world.book.fence(drop, 1)
      const outcomes = await world.book.write(drop, 1, [restocked('restock-1', at(1, 1), { shoe: 4 })])

      expect(fenced?.seed.items).toEqual([{ sku: 'shoe', left: 5, limit: null }])
      expect(fenced?.opIds).toEqual(['restock-1'])
      expect(words(outcomes)).toEqual(['applied'])
      expect((await world.read(drop)).ops).toEqual(['restock-1 applied'])
    })

    it('[P10] takes the return of a refused order for done in a ledger built anew', async () => {
      const { drop } = await world.plan({ stock: { shoe: 5 }, limit: 1 })
      await world.book.take(drop, NODE_A)
      const [first, over] = [order(drop, 'ana', at(1, 1)), order(drop, 'ana', at(1, 2), { shoe: 1 }, 'k2')]
      await world.book.write(drop, 1, [first, over])

      const fenced = await world.book.fence(drop, 1)

      expect(fenced?.seed.items).toEqual([{ sku: 'shoe', left: 4, limit: null }])
      expect(fenced?.opIds).toEqual([`revoke:${over.orderId}`])
    })

    it('[P11] hands out every order once, in pages, with what still counts', async () => {
      const { drop } = await world.plan({ stock: { shoe: 6, hat: 5 } })
      const names = ['ana', 'ben', 'cem', 'dia', 'eli', 'fay', 'gus']
      await world.book.write(
        drop,
        1,
        names.map((name, n) => order(drop, name, at(1, n + 1), { shoe: 1, ...(n < 5 ? { hat: 1 } : {}) })),
      )

      const { kept, pages } = await allKept(world.book, drop, 3)

      expect(pages).toBe(3)
      expect(new Set(kept.map((one) => one.orderId))).toEqual(new Set(names.map((name) => ask(drop, name).orderId)))
      expect(kept).toHaveLength(7)
      expect(kept.find((one) => one.buyer === buyer('ben'))).toEqual({
        orderId: ask(drop, 'ben').orderId,
        buyer: buyer('ben'),
        lines: lines({ shoe: 1, hat: 1 }),
        position: at(1, 2),
        holdsUnits: true,
      })
      expect(kept.find((one) => one.buyer === buyer('gus'))?.holdsUnits).toBe(false)
    })
  })

  describe(`${name}: the life of a drop`, () => {
    let world: DropBookWorld
    beforeAll(async () => {
      world = await makeWorld()
    })

    it('[P12] tells the start once, however often the drop opens', async () => {
      const { drop } = await world.plan({ phase: 'scheduled' })

      await world.book.write(drop, 1, [phase('open', at(1, 1), 'open-1')])
      await world.book.write(drop, 1, [phase('open', at(1, 1), 'open-1')])
      await world.book.write(drop, 1, [phase('paused', at(1, 2), 'pause-1'), phase('open', at(1, 3), 'open-2')])
      await world.book.write(drop, 1, [phase('closed', at(1, 4), 'close-1')])

      const written = await world.read(drop)
      expect(written.phase).toBe('closed')
      expect(written.events).toEqual(['drop_started', 'drop_closed'])
      expect(written.told).toEqual(
        [
          'drop_phase open drop_started',
          'drop_phase open',
          'drop_phase paused',
          'drop_phase closed drop_closed',
        ].sort(),
      )
    })

    it('[P12] does not let a late entry turn the phase back', async () => {
      const { drop } = await world.plan({ phase: 'scheduled' })

      const outcomes = [
        ...words(await world.book.write(drop, 1, [phase('paused', at(1, 5))])),
        ...words(await world.book.write(drop, 1, [phase('open', at(1, 2))])),
      ]

      expect(outcomes).toEqual(['applied', 'applied'])
      expect(await world.read(drop)).toMatchObject({ phase: 'paused', events: ['drop_started'] })
    })

    it('[P12] moves the opening forward when the creator opens by hand', async () => {
      const { drop } = await world.plan({ phase: 'scheduled', opensAtMs: 1_900_000_000_000 })

      await world.book.write(drop, 1, [phase('open', at(1, 1))])

      expect((await world.read(drop)).opensAtMs).toBe(1_800_000_000_001)
    })

    it('[OO9] names those first whose opening or end is next, for more may run than a node looks after at once', async () => {
      const endless = await world.plan({ phase: 'open', opensAtMs: 1_000 })
      const younger = await world.plan({ phase: 'paused', opensAtMs: 2_000 })
      const opens = await world.plan({ phase: 'scheduled', opensAtMs: 50_000 })
      const ends = await world.plan({ phase: 'open', opensAtMs: 3_000, closesAtMs: 40_000 })
      const mine = [ends, opens, younger, endless].map(({ drop }) => drop)

      const due = await world.book.due(60_000, 1_000)

      expect(due.map(({ drop }) => drop).filter((drop) => mine.includes(drop))).toEqual(mine)
    })

    it('[P13] names the drops that a node must look after', async () => {
      const soon = await world.plan({ phase: 'scheduled', opensAtMs: 5_000 })
      const later = await world.plan({ phase: 'scheduled', opensAtMs: 9_000_000 })
      const running = await world.plan({ phase: 'open', opensAtMs: 1_000, closesAtMs: 90_000 })
      const paused = await world.plan({ phase: 'paused', opensAtMs: 2_000 })
      const over = await world.plan({ phase: 'closed', opensAtMs: 3_000 })
      const mine = new Set([soon, later, running, paused, over].map(({ drop }) => drop))

      const due = (await world.book.due(6_000, 1_000)).filter(({ drop }) => mine.has(drop))

      expect(due).toEqual([
        { drop: soon.drop, phase: 'scheduled', opensAtMs: 5_000, closesAtMs: null },
        { drop: running.drop, phase: 'open', opensAtMs: 1_000, closesAtMs: 90_000 },
        { drop: paused.drop, phase: 'paused', opensAtMs: 2_000, closesAtMs: null },
      ])
      expect(await world.book.due(6_000, 1)).toHaveLength(1)
    })
  })
}
