/** The newest news of a drop, kept for those who were away for a moment. */
import { unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { News } from '../protocol/messages/news.ts'
import { REPLAY_FRAMES_MAX, Replay } from '../server/outbound/replay.ts'
import { at } from './builders/edge-world.ts'
import { dropOf } from './builders/people.ts'

const news = (seq: number): News => ({ type: 'news', drop: dropOf('shoes'), position: at(1, seq), at: 1, changes: [] })

describe('the replay', () => {
  it('[H3] keeps the newest 256 frames, and says when some of what was missed is gone', () => {
    const replay = new Replay(at(1, 0))
    for (let seq = 1; seq <= REPLAY_FRAMES_MAX; seq += 1) replay.push(news(seq))

    expect(replay.after(at(1, 0))).toHaveLength(256)
    replay.push(news(257))
    expect(replay.after(at(1, 0))).toBeUndefined()
    expect(replay.after(at(1, 1))).toHaveLength(256)
    expect(replay.after(at(1, 1))?.[0]?.news.position.seq).toBe(2)
  })

  it('[H3] covers a position within a frame that has several entries', () => {
    const replay = new Replay(at(1, 0))
    replay.push(news(10))
    replay.push(news(20))

    expect(replay.after(at(1, 15))?.map((missed) => missed.news.position.seq)).toEqual([20])
  })

  it('[H5] encodes a missed frame once per format, marked as recovered', () => {
    const replay = new Replay(at(1, 0))
    replay.push(news(1))
    const [missed] = replay.after(at(1, 0)) ?? []

    const [json, msgpack] = [missed?.frame('json'), missed?.frame('msgpack')]

    expect(missed?.frame('msgpack')).toBe(msgpack)
    expect(JSON.parse(String(json))).toEqual({ ...news(1), recovered: true })
    expect(unpack(msgpack as Uint8Array)).toEqual({ ...news(1), recovered: true })
  })
})
