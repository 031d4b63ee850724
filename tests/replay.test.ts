/** The newest news of a drop, kept for those who were away for a moment, and several pieces of news as one. */
import { unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { Change, News } from '../protocol/messages/news.ts'
import { inOne } from '../server/outbound/news-in-one.ts'
import { type Missed, REPLAY_FRAMES_MAX, Replay } from '../server/outbound/replay.ts'
import { at } from './builders/edge-world.ts'
import { dropOf, sku } from './builders/people.ts'

const news = (seq: number, ...changes: Change[]): News => ({
  ...{ type: 'news', drop: dropOf('shoes'), position: at(1, seq), from: at(1, seq - 1), at: seq, changes },
})
const left = (name: string, units: number): Change => ({ kind: 'left', sku: sku(name), left: units })
const toldIn = (missed: Missed | undefined) => (typeof missed === 'object' ? missed.message : missed)

describe('the replay', () => {
  it('[H3] keeps the newest 256 frames, and says when some of what was missed is gone', () => {
    const replay = new Replay(at(1, 0))
    for (let seq = 1; seq <= REPLAY_FRAMES_MAX; seq += 1) replay.push(news(seq))

    expect(toldIn(replay.after(at(1, 0)))).toMatchObject({ from: at(1, 0), position: at(1, 256) })
    replay.push(news(257))
    expect(replay.after(at(1, 0))).toBeUndefined()
    expect(toldIn(replay.after(at(1, 1)))).toMatchObject({ from: at(1, 1), position: at(1, 257) })
    expect(replay.after(at(1, 257))).toBe('nothing')
  })

  it('[H3] covers a position within a frame that has several entries', () => {
    const replay = new Replay(at(1, 0))
    replay.push({ ...news(10), from: at(1, 0) })
    replay.push({ ...news(20), from: at(1, 10) })

    expect(toldIn(replay.after(at(1, 15)))).toMatchObject({ from: at(1, 10), position: at(1, 20) })
  })

  it('[H5] encodes what was missed once per format for all who stopped at one place, marked as recovered', () => {
    const replay = new Replay(at(1, 0))
    replay.push(news(1))
    replay.push(news(2))
    const [missed, alike, less] = [at(1, 0), at(1, 0), at(1, 1)].map((position) => replay.after(position))
    if (typeof missed !== 'object') throw new Error('nothing was missed')

    expect(alike).toBe(missed)
    expect(less).not.toBe(missed)
    expect(missed.frame('msgpack')).toBe(missed.frame('msgpack'))
    expect(JSON.parse(String(missed.frame('json')))).toEqual({ ...news(2), from: at(1, 0), recovered: true })
    expect(unpack(missed.frame('msgpack') as Uint8Array)).toEqual({ ...news(2), from: at(1, 0), recovered: true })
    replay.push(news(3))
    expect(toldIn(replay.after(at(1, 0)))).toMatchObject({ position: at(1, 3) })
  })
})

describe('several pieces of news as one', () => {
  it('[DD14] have every change in its order, and of a count the newest', () => {
    const shoes = sku('shoe')
    const words: Change = { kind: 'announcement', text: 'soon' }

    const one = inOne([
      news(1, left('shoe', 2), left('hat', 5), { kind: 'viewers', viewers: 3 }),
      news(2, left('shoe', 0), { kind: 'sold_out', sku: shoes }),
      news(3, words, { kind: 'restocked', sku: shoes, left: 4 }, left('shoe', 4), { kind: 'viewers', viewers: 4 }),
      news(4, words, { kind: 'phase', phase: 'paused' }),
    ])

    expect(one).toEqual({
      ...{ type: 'news', drop: dropOf('shoes'), position: at(1, 4), from: at(1, 0), at: 4 },
      changes: [
        left('hat', 5),
        { kind: 'sold_out', sku: shoes },
        words,
        { kind: 'restocked', sku: shoes, left: 4 },
        left('shoe', 4),
        { kind: 'viewers', viewers: 4 },
        words,
        { kind: 'phase', phase: 'paused' },
      ],
    })
  })

  it('[DD14] of which there is one are that one', () => {
    const only = news(1, left('shoe', 2))

    expect(inOne([only])).toBe(only)
  })
})
