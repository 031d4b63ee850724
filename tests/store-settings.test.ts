/** Settings of the stores that change under a running node: each change is said once, and soon. */
import { expect, it } from 'vitest'
import { LOOK_EVERY_MS, watch } from '../server/store-settings.ts'
import { HandClock } from './builders/hand-clock.ts'

it('[KK10] a change is said once, its end too, and a store that does not answer changes nothing', async () => {
  const clock = new HandClock()
  const said: string[] = []
  const log = {
    warn: (event: string, facts?: object) => void said.push(`${event} ${JSON.stringify(facts)}`),
    info: (event: string) => void said.push(event),
  }
  let answer: () => Promise<string[]> = async () => []
  const stop = watch('Redis', () => answer(), log, clock)

  await clock.advance(3 * LOOK_EVERY_MS)
  expect(said).toEqual([])
  answer = async () => ['appendfsync is no']
  await clock.advance(3 * LOOK_EVERY_MS)
  expect(said).toEqual(['settings.unsafe {"store":"Redis","said":["appendfsync is no"]}'])
  answer = () => Promise.reject(new Error('away'))
  await clock.advance(3 * LOOK_EVERY_MS)
  answer = async () => ['appendfsync is no', 'fsync is off']
  await clock.advance(LOOK_EVERY_MS)
  answer = async () => []
  await clock.advance(3 * LOOK_EVERY_MS)
  stop()
  answer = async () => ['fsync is off']
  await clock.advance(3 * LOOK_EVERY_MS)

  expect(said.slice(1)).toEqual([
    'settings.unsafe {"store":"Redis","said":["appendfsync is no","fsync is off"]}',
    'settings.safe',
  ])
})
