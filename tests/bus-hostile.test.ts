import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BusNeighbours, serveNeighbours } from '../bus/bus-neighbours.ts'
import { BusPostbox } from '../bus/bus-postbox.ts'
import { Members } from '../bus/members.ts'
import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryNetwork } from '../bus/memory-network.ts'
import { listenSettled, NewsListener } from '../bus/news-listener.ts'
import { isTime } from '../bus/reading.ts'
import { subjects } from '../bus/subjects.ts'
import { packBody } from '../protocol/codec.ts'
import { isNodeId } from '../protocol/ids.ts'
import { ORIGIN } from '../protocol/position.ts'
import { HandClock, settled } from './builders/hand-clock.ts'
import { dropOf, nodeOf } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'
import { MSGPACK_LARGE, NOT_STRICT } from './corpus/bytes.ts'
import { OTHERS, TEXTS } from './corpus/field-values.ts'

const drop = dropOf('shoe')
const self = nodeOf('ana')

const CORPUS = [...NOT_STRICT, ...MSGPACK_LARGE].map(({ bytes }) => bytes)

/** A node that listens to everything, and counts what it has believed. */
function node() {
  const network = new MemoryNetwork()
  const names = subjects('test')
  const log = notedLog()
  const bus = new MemoryBus(network, log)
  const world = { bus, subjects: names, node: self, log }
  const believed: string[] = []
  const note = (what: string) => () => void believed.push(what)

  const members = new Members({ ...world, clock: new HandClock(), atBoot: 1 })
  members.onChange(note('heartbeat'))
  members.start()
  serveNeighbours(world, {
    surrender: async () => {
      believed.push('surrender')
      return { journal: [], position: ORIGIN, batch: 0 }
    },
    wake: async () => void believed.push('wake'),
  })
  new NewsListener(world).watch(drop, note('news'))
  listenSettled(world, note('settled'))
  const postbox = new BusPostbox({ ...world, retryAfterMs: 1 })
  postbox.open(drop, {
    post: () => {
      believed.push('letter')
      return 'full'
    },
  })

  const neighbours = new BusNeighbours(
    world,
    { live: () => [self, nodeOf('ben')], knowsEveryone: true },
    { wake: async () => undefined },
  )
  const all = [
    names.heartbeat,
    names.surrender,
    names.wake(self),
    names.news(drop),
    names.settled(self),
    names.letters(drop),
  ]
  return { network, names, bus, log, believed, neighbours, all, stranger: new MemoryBus(network, log) }
}

describe('a hostile body', () => {
  const unhandled: unknown[] = []
  const note = (cause: unknown) => void unhandled.push(cause)
  beforeAll(() => void process.on('unhandledRejection', note))
  afterAll(() => void process.off('unhandledRejection', note))

  it('[B31] of odd bytes is ignored on every subject, and said once each', async () => {
    const { all, stranger, believed, log } = node()

    for (const subject of all) for (const body of CORPUS) stranger.publish(subject, body)
    await settled()

    expect(believed).toEqual([])
    expect(log.events).toHaveLength(all.length * CORPUS.length)
    expect(new Set(log.events)).toEqual(new Set(['bus.ignored', 'bus.unreadable']))
  })

  it('[B31] of random bytes or random shapes is ignored on every subject', async () => {
    const { all, stranger, believed, log } = node()
    const shape = fc.object({ maxDepth: 3, withBigInt: true, withDate: true, withMap: true, withNullPrototype: true })
    const shaped = fc.oneof(shape, fc.anything(), fc.array(fc.anything())).map((value) => packedOrNothing(value))
    const body = fc.oneof(fc.uint8Array({ maxLength: 200 }), shaped)

    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...all), body, async (subject, bytes) => {
        stranger.publish(subject, bytes)
      }),
      { numRuns: 3_000 },
    )
    await settled()

    expect(believed).toEqual([])
    expect(log.events).not.toContain('bus.listener_failed')
  })

  it('[B31] with the right fields and one wrong value is ignored', async () => {
    const { names, stranger, believed } = node()
    const wrong = [undefined, Number.NaN, 'a.b', 2n ** 63n, ...TEXTS, ...OTHERS]
    const bodies: [string, Record<string, unknown>][] = [
      [names.heartbeat, { node: 'ben', atBoot: 1, leaving: false }],
      [names.surrender, { drop, from: 'ben' }],
      [names.wake(self), { drop }],
    ]

    for (const [subject, body] of bodies) {
      for (const field of Object.keys(body)) {
        for (const value of wrong) {
          if (mayStand(field, value)) continue
          stranger.publish(subject, packBody({ ...body, [field]: value }))
        }
      }
    }
    await settled()

    expect(believed).toEqual([])
  })

  it('[B31] as an answer to a surrender is ignored, and the asker waits for a better one', async () => {
    const { names, stranger, neighbours, log } = node()
    stranger.subscribe(names.surrender, ({ respond }) => {
      for (const body of CORPUS) respond(body)
      const part = { drop, node: 'ben', at: 0, of: 1, epoch: 1, seq: 1, entries: [] }
      const wrong: [string, unknown][] = [
        ['drop', dropOf('hat')],
        ['drop', 'shoe'],
        ['node', 'ben.'],
        ['at', 1],
        ['at', -1],
        ['of', 2 ** 40],
        ['epoch', '1'],
        ['seq', 1.5],
        ['entries', new Array(2_001).fill(1)],
        ['entries', {}],
      ]
      for (const [field, value] of wrong) respond(packBody({ ...part, [field]: value }))
      respond(packBody(part))
    })

    expect(await neighbours.surrender(drop, 10_000)).toEqual([
      { journal: [], position: { epoch: 1, seq: 1 }, batch: 0 },
    ])
    expect(log.events).not.toContain('bus.listener_failed')
  })

  it('[B31] leaves no promise behind that nobody holds', () => {
    expect(unhandled).toEqual([])
  })
})

/** What is not wrong there: a node may be called `constructor`, and a clock may say 0.5. */
function mayStand(field: string, value: unknown): boolean {
  if (field === 'leaving') return value === true
  if (field === 'atBoot') return isTime(typeof value === 'bigint' ? 0 : value)
  return (field === 'node' || field === 'from') && isNodeId(value)
}

function packedOrNothing(value: unknown): Uint8Array {
  try {
    return packBody(value)
  } catch {
    return new Uint8Array(0) // not every value can be packed
  }
}
