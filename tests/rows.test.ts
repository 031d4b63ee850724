/** Watchers in rows: who is told when, and that nobody misses, repeats or hears late what they were shown before. */
import { describe, expect, it } from 'vitest'
import type { Frame } from '../protocol/codec.ts'
import type { News } from '../protocol/messages/news.ts'
import { comparePositions, type Position } from '../protocol/position.ts'
import { FRAMES_PER_TURN, type Row, Rows } from '../server/outbound/rows.ts'
import { Turns } from '../server/turns.ts'
import { at, HeardPeer } from './builders/edge-world.ts'
import { dropOf, sku } from './builders/people.ts'

const SHOES = dropOf('shoes')

class Hall {
  readonly #coming: (() => void)[] = []
  readonly peers = new Map<HeardPeer, Row>()
  readonly frames: Frame[] = []
  readonly rows = new Rows(
    SHOES,
    {
      broadcast: (topic, frame) => {
        this.frames.push(frame)
        for (const peer of this.peers.keys()) if (peer.topics.has(topic)) peer.sendFrame(frame)
      },
    },
    new Turns(FRAMES_PER_TURN, (call) => this.#coming.push(call)),
  )
  #seq = 0
  #left = 1_000

  get now(): Position {
    return at(1, this.#seq)
  }

  enter(format: 'json' | 'msgpack' = 'json'): HeardPeer {
    const peer = new HeardPeer(`peer-${this.peers.size}`, format)
    this.peers.set(peer, this.rows.seat(peer))
    return peer
  }

  leave(peer: HeardPeer): void {
    const row = this.peers.get(peer)
    this.peers.delete(peer)
    if (row !== undefined) this.rows.leave(peer, row)
  }

  /** One more shoe is sold. */
  sell(): void {
    const from = this.now
    this.#seq += 1
    this.#left -= 1
    this.rows.tell(this.news(from, { kind: 'left', sku: sku('shoe'), left: this.#left }))
  }

  say(text: string): void {
    this.rows.tell(this.news(this.now, { kind: 'announcement', text }))
  }

  news(from: Position, ...changes: News['changes']): News {
    return { type: 'news', drop: SHOES, position: this.now, from, at: this.#seq, changes }
  }

  turn(): boolean {
    const calls = this.#coming.splice(0)
    for (const call of calls) call()
    return calls.length > 0
  }

  /** Of all peers: how many have heard so many frames. */
  heard(): Record<number, number> {
    const counts: Record<number, number> = {}
    for (const { heard } of this.peers.keys()) counts[heard.length] = (counts[heard.length] ?? 0) + 1
    return counts
  }
}

function hallOf(count: number, format: 'json' | 'msgpack' = 'json'): Hall {
  const hall = new Hall()
  for (let n = 0; n < count; n += 1) hall.enter(format)
  return hall
}

describe('watchers in rows', () => {
  it('[DD12] are told at once while they are few, and else no more than 256 a turn', () => {
    const few = hallOf(3)
    few.sell()
    expect(few.heard()).toEqual({ 1: 3 })

    const many = hallOf(1_000)
    many.sell()
    expect(many.heard()).toEqual({ 0: 744, 1: 256 })
    many.turn()
    expect(many.heard()).toEqual({ 0: 488, 1: 512 })
    many.turn()
    many.turn()
    expect(many.heard()).toEqual({ 1: 1_000 })
    expect(new Set(many.frames).size).toBe(1)
  })

  it('[DD12] who are left of thousands are told together', () => {
    const hall = hallOf(1_000)
    for (const peer of [...hall.peers.keys()].slice(100, 980)) hall.leave(peer)

    hall.sell()

    expect(hall.heard()).toEqual({ 1: 120 })
  })

  it('[DD13] hear, when their turn comes late, everything as one, encoded once for all of them', () => {
    const hall = hallOf(1_000, 'msgpack')
    hall.sell()
    hall.sell()
    hall.say('Soon!')
    hall.sell()
    hall.turn()
    hall.turn()
    hall.turn()
    hall.turn()

    const [first, , , last] = [0, 300, 600, 999].map((n) => [...hall.peers.keys()][n])
    expect(first?.heard.map((one) => 'position' in one && one.position)).toEqual([at(1, 1), at(1, 3)])
    expect(last?.heard).toEqual([
      {
        ...{ type: 'news', drop: SHOES, position: at(1, 3), from: at(1, 0), at: 3 },
        changes: [
          { kind: 'announcement', text: 'Soon!' },
          { kind: 'left', sku: 'shoe', left: 997 },
        ],
      },
    ])
    expect(new Set(hall.frames).size).toBe(3)
  })

  it('[DD13] hear nothing older than what was there when they sat down', () => {
    const hall = hallOf(300)
    hall.sell()

    const late = hall.enter()
    while (hall.turn());

    expect(late.heard).toEqual([])
    hall.sell()
    while (hall.turn());
    expect(late.heard).toMatchObject([{ position: at(1, 2), from: at(1, 1) }])
  })

  it('[DD13] are told at once what is too much to be remembered', () => {
    const hall = hallOf(600)
    for (let n = 0; n < 300; n += 1) hall.say(`word ${n}`)

    const last = [...hall.peers.keys()].at(-1)
    expect(last?.heard.length).toBeGreaterThan(0)
    while (hall.turn());
    const words = last?.heard.flatMap((one) => (one.type === 'news' ? one.changes : []))
    expect(words).toHaveLength(300)
  })

  it.each([5, 55, 555, 5_555])('[DD13] neither miss, repeat nor hear late anything, whatever happens (%i)', (seed) => {
    const hall = hallOf(520)
    let random = seed
    const below = (max: number) => {
      random = (random * 48_271) % 2_147_483_647
      return random % max
    }
    const knows = new Map<HeardPeer, Position>([...hall.peers.keys()].map((peer) => [peer, hall.now]))
    const faults: string[] = []
    const read = (peer: HeardPeer) => {
      for (const one of peer.take()) {
        if (one.type !== 'news') continue
        const known = knows.get(peer) ?? at(0, 0)
        if (comparePositions(one.from ?? at(9, 9), known) !== 0)
          faults.push(`${JSON.stringify(one)} after ${known.seq}`)
        knows.set(peer, one.position)
      }
    }

    for (let step = 0; step < 400; step += 1) {
      const what = below(10)
      if (what < 5) hall.sell()
      else if (what < 7) knows.set(hall.enter(below(4) === 0 ? 'msgpack' : 'json'), hall.now)
      else if (what < 8) {
        const [gone] = [...hall.peers.keys()].slice(below(hall.peers.size))
        if (gone !== undefined) hall.leave(gone)
      } else hall.turn()
      for (const peer of hall.peers.keys()) read(peer)
    }
    while (hall.turn());
    for (const peer of hall.peers.keys()) read(peer)

    expect(faults).toEqual([])
    expect(new Set([...hall.peers.keys()].map((peer) => knows.get(peer)?.seq))).toEqual(new Set([hall.now.seq]))
  })
})
