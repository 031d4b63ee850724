/**
 * A real NATS cluster of three servers that falls into two halves in the middle of a storm, with a node at each server:
 * what is said of it, what becomes of the drop, and how it is whole again.
 */
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { HurtableWorld } from './nemesis/world.ts'
import { figuresOf, HALVES, weather } from './partitions/storms.ts'

/** The servers dial each other once a second. */
const IN_STEP_MS = 3_000

let world: HurtableWorld
const log: string[] = []
beforeAll(async () => {
  world = await HurtableWorld.open({ nodes: 3, halves: true, onLog: (line) => log.push(line) })
}, 60_000)
afterAll(() => world?.close(), 60_000)

/** What each node has said of the bus, by place. */
function saidByNodes(event: string): { place: number; beyond?: string[] }[] {
  const said = log
    .filter((line) => line.includes(`"${event}"`))
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))))
  return said
    .map(({ node, beyond }) => ({ place: placeOf(node), ...(beyond && { beyond: beyond.map(placeOf).sort() }) }))
    .sort((a, b) => a.place - b.place)
}

const placeOf = (nodeId: string): number => world.places.findIndex(({ node }) => node?.nodeId === nodeId)

it('[OO3] says so on both sides, sells on in the owner’s half, puts the other off, and loses nothing', {
  timeout: 60_000,
}, async () => {
  const { run, inStep, wakes } = await weather(world, HALVES, log)
  console.log(figuresOf('halves', { run, inStep, wakes }))

  expect(run.broken).toEqual([])
  expect(saidByNodes('bus.halved')).toEqual([
    { place: 0, beyond: [2] },
    { place: 1, beyond: [2] },
    { place: 2, beyond: [0, 1] },
  ])
  expect(wakes).toEqual([1])
  // On a busy machine somebody in the owner’s half may be put off for a moment too.
  const sides = [inStep.slice(0, 2), inStep.slice(2)].map((side) => side.reduce((sum, { putOff }) => sum + putOff, 0))
  expect(Math.max(...sides)).toBeGreaterThan(100)
  expect(Math.min(...sides)).toBeLessThan(Math.max(...sides) / 10)
  for (const { newsMs, ordersMs } of inStep) expect(Math.max(newsMs, ordersMs)).toBeLessThan(IN_STEP_MS)
  await vi.waitFor(() => expect(saidByNodes('bus.whole')).toEqual([{ place: 0 }, { place: 1 }, { place: 2 }]), 5_000)
})
