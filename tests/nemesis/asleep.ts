/**
 * F27: a gateway sleeps so long that NATS gives it up.
 *
 * NATS cuts a client that has not read for ten seconds, and only once the buffers on the way are full. News of one drop
 * would take hours for that, so much old news is told besides: everybody hears it and shows nobody any of it. When the
 * gateway wakes it first reads what came before the cut, with watchers who never left it.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { NatsBus } from '../../bus/nats-bus.ts'
import { subjects } from '../../bus/subjects.ts'
import { packBody } from '../../protocol/codec.ts'
import type { DropId } from '../../protocol/ids.ts'
import { comparePositions } from '../../protocol/position.ts'
import { until } from '../../stack/deadline.ts'
import type { Arena } from './blows.ts'
import type { HurtableWorld, Place } from './world.ts'

const FLOOD_BYTES = 32 * 1024 * 1024
const NEWS_BYTES = 64 * 1024
const AGAIN_MS = 5
const IN_STEP_WITHIN_MS = 10_000
const LOOK_EVERY_MS = 20
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }

export async function asleep({ world, drop, phones, say }: Arena, place: Place, forMs: number): Promise<void> {
  const { node } = place
  if (node === undefined) return

  const cutsBefore = cuts(world)
  const wakesAtMs = performance.now() + forMs
  place.state = 'hurt'
  node.kill('SIGSTOP')
  await tellOldNews(world, drop)
  await pause(Math.max(0, wakesAtMs - performance.now()))
  if (cuts(world) === cutsBefore) world.surprises.push('F27 NATS did not cut the gateway that slept')
  const via = world.places.indexOf(place)
  const faithful = phones.filter((phone) => phone.isIn && phone.via === via)

  const wokenMs = performance.now()
  node.kill('SIGCONT')
  if (place.node === node) place.state = 'up'
  const room = await world.ledger.read(drop)
  const isInStep = ({ sightings }: Arena['phones'][number]) => {
    const seen = sightings.get(drop)
    return room !== undefined && seen?.isWatching === true && comparePositions(seen.position, room) >= 0
  }
  while (!faithful.every(isInStep) && performance.now() - wokenMs < IN_STEP_WITHIN_MS) await pause(LOOK_EVERY_MS)
  const stayed = faithful.filter((phone) => phone.via === via).length
  say(
    `F27 ${faithful.length} watched on, ${stayed} of them to the end; in step ${Math.round(performance.now() - wokenMs)} ms after it woke`,
  )
}

/** Of an epoch that no drop has: it is late for everybody. */
async function tellOldNews(world: HurtableWorld, drop: DropId): Promise<void> {
  const bus = NatsBus.open({ url: world.stack.natsUrl, name: 'nemesis', log: SILENT })
  try {
    await bus.ready(IN_STEP_WITHIN_MS)
    const position = { epoch: 0, seq: 1 }
    const changes = [{ kind: 'announcement', text: 'x'.repeat(NEWS_BYTES) }]
    const news = packBody({ by: 'nemesis', drop, from: position, position, atMs: Date.now(), changes })
    const subject = subjects('ld').news(drop)
    for (let bytes = 0; bytes < FLOOD_BYTES; bytes += news.length) {
      await until(() => bus.publish(subject, news), IN_STEP_WITHIN_MS)
      await pause(AGAIN_MS)
    }
  } finally {
    await bus.close()
  }
}

/** How often NATS has cut somebody who did not read. */
function cuts(world: HurtableWorld): number {
  return readFileSync(world.server('nats').logFile, 'utf8').split('Slow Consumer').length - 1
}
