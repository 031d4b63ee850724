/** A drop that is over and that somebody took out of Redis, to have its memory back. */
import { expect, it } from 'vitest'
import { ask, sku } from './builders/people.ts'
import { twoNodes } from './builders/room-world.ts'

it('[OO5] is built anew for whoever asks: a known order is a duplicate, another one too late, and the units are right', async () => {
  const { world, drop, a, b } = await twoNodes()
  await a.order(drop, ask(drop, 'ana', { shoe: 2 }))
  const closing = a.router.control(drop, 'close', { kind: 'phase', from: ['open'], to: 'closed' }, 1_000)
  await world.clock.advance(70_000)
  expect(await closing).toMatchObject({ done: 'applied' })
  expect(a.directory.room(drop)).toBeUndefined()

  world.memoryLedger.wipe()
  const asked = [b.order(drop, ask(drop, 'ana', { shoe: 2 })), b.order(drop, ask(drop, 'ben', { shoe: 1 }))]
  await world.clock.advance(5_000)

  expect(await Promise.all(asked)).toMatchObject([{ verdict: 'duplicate' }, { verdict: 'closed' }])
  expect((await world.memoryLedger.read(drop))?.items).toMatchObject([{ sku: sku('shoe'), left: 8 }])
  expect(world.sold(drop)).toBe(2)
})
