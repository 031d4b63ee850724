/** The bus when its server is killed, frozen and started again: a private NATS, really hurt. */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { BusPostbox } from '../bus/bus-postbox.ts'
import { BusRooms } from '../bus/bus-rooms.ts'
import { NatsBus } from '../bus/nats-bus.ts'
import { NatsEventStream } from '../bus/nats-event-stream.ts'
import { subjects } from '../bus/subjects.ts'
import type { Letter } from '../rooms/letters.ts'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { startStack } from '../stack/local-stack.ts'
import { ask, dropOf, nodeOf } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'

const body = (words: string) => new TextEncoder().encode(words)

describe('when NATS is lost', () => {
  const dataDir = temporaryDataFolder()
  const unhandled: unknown[] = []
  const note = (cause: unknown) => void unhandled.push(cause)
  const log = notedLog()
  const names = subjects('lost')
  let stack: Awaited<ReturnType<typeof startStack>>
  let ana: NatsBus
  let ben: NatsBus

  beforeAll(async () => {
    process.on('unhandledRejection', note)
    const given = { redisUrl: 'redis://127.0.0.1:1', databaseUrl: 'postgres://127.0.0.1:1/none' }
    stack = await startStack({ dataDir, fresh: true, given })
    const options = { url: stack.natsUrl, log, redialMaxMs: 100, pingMs: 100, connectTimeoutMs: 500 }
    ana = NatsBus.open({ ...options, name: 'ana' })
    ben = NatsBus.open({ ...options, name: 'ben' })
    expect([await ana.ready(5_000), await ben.ready(5_000)]).toEqual([true, true])
  })

  afterAll(async () => {
    await Promise.all([ana.close(), ben.close()])
    await stack.stop()
    removeDataFolder(dataDir)
    process.off('unhandledRejection', note)
  })

  const both = (connected: boolean) =>
    vi.waitFor(() => expect([ana.connected, ben.connected]).toEqual([connected, connected]), 10_000)

  it('[B40] every question has its answer, and subscriptions work again after the server is back', async () => {
    ben.subscribe('lost.echo', ({ body: heard, respond }) => respond(heard))
    ben.subscribe('lost.mute', () => undefined)
    await vi.waitFor(async () =>
      expect(await ana.ask('lost.echo', body('1'), 1_000)).toMatchObject({ heard: 'answer' }),
    )

    const waiting = Array.from({ length: 50 }, () => ana.ask('lost.mute', body('?'), 60_000))
    const gathering = ana.askMany('lost.mute', body('?'), 60_000, () => false)
    await stack.servers.nats?.kill()
    expect(new Set((await Promise.all(waiting)).map(({ heard }) => heard))).toEqual(new Set(['silence']))
    expect(await gathering).toEqual([])
    await both(false)
    expect(await ana.ask('lost.echo', body('2'), 60_000)).toEqual({ heard: 'silence' })

    await stack.servers.nats?.restart()
    await both(true)
    await vi.waitFor(async () =>
      expect(await ana.ask('lost.echo', body('3'), 1_000)).toMatchObject({ heard: 'answer' }),
    )
    expect(unhandled).toEqual([])
  })

  it('[B40] every order gets an answer through kills and restarts, and no letter is placed after its buyer was told', async () => {
    const shoe = dropOf('shoe')
    const placed = new Set<string>()
    const room = {
      post: (letter: Letter) => {
        if (letter.kind === 'order') {
          placed.add(letter.claim.key)
          letter.answer({ verdict: 'accepted', position: { epoch: 1, seq: placed.size } })
        }
        return 'accepted' as const
      },
    }
    new BusPostbox({ bus: ben, subjects: names, log, retryAfterMs: 10 }).open(shoe, room)
    const rooms = new BusRooms({ bus: ana, subjects: names, log, limits: { waitingMax: 1_000, retryAfterMs: 10 } })

    let stop = false
    const verdicts = { accepted: 0, pending: 0, no_owner: 0 }
    const toldWhileDown: string[] = []
    const order = async (at: number) => {
      const down = !ana.connected
      const key = `k${at}`
      const request = {
        kind: 'order',
        claim: ask(shoe, 'zoe', { shoe: 1 }, key),
        via: nodeOf('ana'),
        deadlineMs: 1,
      } as const
      const reply = await rooms.order(shoe, request, 500)
      if (down && reply !== 'no_owner' && reply.verdict === 'pending') toldWhileDown.push(key)
      const word = reply === 'no_owner' ? 'no_owner' : reply.verdict
      if (word === 'accepted' || word === 'pending' || word === 'no_owner') verdicts[word] += 1
      return word
    }
    const load = (async () => {
      for (let at = 0; !stop; at += 1) {
        await Promise.all([order(at * 2), order(at * 2 + 1)])
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()

    for (let round = 0; round < 3; round += 1) {
      await vi.waitFor(() => expect(verdicts.accepted).toBeGreaterThan(100 * (round + 1)), 10_000)
      await stack.servers.nats?.kill()
      await both(false)
      await stack.servers.nats?.restart()
      await both(true)
      const before = verdicts.accepted
      await vi.waitFor(() => expect(verdicts.accepted).toBeGreaterThan(before), 10_000)
    }
    stop = true
    await load

    expect(verdicts.pending).toBeGreaterThan(0)
    expect(toldWhileDown.length).toBeGreaterThan(0)
    expect(toldWhileDown.filter((key) => placed.has(key))).toEqual([])
    expect(rooms.waiting).toBe(0)
    expect(unhandled).toEqual([])
  })

  it('[B40] a frozen server is noticed, and the bus is back when it thaws', async () => {
    await stack.servers.nats?.kill('SIGSTOP')
    await both(false)
    expect(await ana.ask('lost.echo', body('4'), 60_000)).toEqual({ heard: 'silence' })

    await stack.servers.nats?.kill('SIGCONT')
    await both(true)
    await vi.waitFor(async () =>
      expect(await ana.ask('lost.echo', body('5'), 1_000)).toMatchObject({ heard: 'answer' }),
    )
    expect(unhandled).toEqual([])
  })

  it('[B34] an event stream whose files were deleted is made anew', async () => {
    const stream = new NatsEventStream({ bus: ana, subjects: names, maxBytes: 1024 * 1024 })
    let losses = 0
    stream.onLost(() => {
      losses += 1
    })
    await stream.append(names.event('x'), body('1'), '1', 2_000)
    expect(losses).toBe(1)

    const { nats } = stack.servers
    await nats?.kill()
    rmSync(`${nats?.folder}/jetstream`, { recursive: true })
    await nats?.restart()
    await both(true)
    await vi.waitFor(() => stream.append(names.event('x'), body('2'), '2', 2_000), 10_000)

    expect(losses).toBe(2)
    expect(unhandled).toEqual([])
  })
})
