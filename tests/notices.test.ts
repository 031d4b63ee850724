/** Live notices: who follows a creator hears what they do, on every connection, as soon and as long as they follow. */
import { describe, expect, it } from 'vitest'
import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryNetwork } from '../bus/memory-network.ts'
import { subjects } from '../bus/subjects.ts'
import { packBody } from '../protocol/codec.ts'
import type { CreatorId, UserId } from '../protocol/ids.ts'
import type { Notice } from '../protocol/messages/notice.ts'
import { Session } from '../server/inbound/session.ts'
import { announceFollows, hearCreators } from '../server/outbound/creator-ears.ts'
import { Notices, TRY_AGAIN_MS, USERS_PER_QUERY } from '../server/outbound/notices.ts'
import { HeardPeer } from './builders/edge-world.ts'
import { HandClock, settled } from './builders/hand-clock.ts'
import { buyer, creator, dropOf } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'

const cleo = creator('cleo')
const dora = creator('dora')
const notice = (id: string, by = cleo): Notice => ({
  ...{
    type: 'notice',
    notificationId: id,
    kind: 'drop_started',
    drop: dropOf('d'),
    creator: by,
    title: 'Shirt',
    atMs: 1,
  },
})

/** One node; `lists` is what Postgres would say. */
function node(lists = new Map<UserId, CreatorId[]>()) {
  const clock = new HandClock()
  const log = notedLog()
  const peers: HeardPeer[] = []
  const asked: number[] = []
  const broadcasts: string[] = []
  const world = {
    before: async (): Promise<void> => undefined,
  }
  const notices = new Notices({
    ...{ clock, log },
    follows: {
      creatorsOf: async (users) => {
        asked.push(users.length)
        const found = new Map(users.map((user) => [user, [...(lists.get(user) ?? [])]]))
        await world.before()
        return found
      },
    },
    broadcaster: {
      broadcast: (topic, frame) => {
        broadcasts.push(topic)
        for (const peer of peers) if (peer.topics.has(topic)) peer.sendFrame(frame)
      },
    },
  })
  const connect = (user: UserId, format: 'json' | 'msgpack' = 'json') => {
    const peer = new HeardPeer(`p${peers.length}`, format)
    const session = new Session(peer, 0)
    peers.push(peer)
    notices.signedIn(session, user)
    return { peer, leave: () => notices.left(session, user) }
  }
  return { clock, log, notices, connect, lists, asked, broadcasts, world }
}

describe('notices', () => {
  it('[Y8] reach every connection of whoever follows, in both formats, and nobody else', async () => {
    const { clock, notices, connect, lists } = node()
    lists.set(buyer('ana'), [cleo]).set(buyer('ben'), [dora])
    const [phone, desk, ben] = [connect(buyer('ana')), connect(buyer('ana'), 'msgpack'), connect(buyer('ben'))]
    await clock.advance(0)
    const late = connect(buyer('ana'))

    notices.heard(notice('e1'))

    for (const { peer } of [phone, desk, late]) expect(peer.take()).toEqual([notice('e1')])
    expect(ben.peer.take()).toEqual([])
  })

  it('[Y9] are one broadcast a format, however many follow, and an event is told once', async () => {
    const { clock, notices, connect, lists, broadcasts } = node()
    for (let n = 0; n < 50; n += 1) {
      lists.set(buyer(`fan ${n}`), [cleo])
      connect(buyer(`fan ${n}`))
    }
    await clock.advance(0)

    notices.heard(notice('e1'))
    notices.heard(notice('e1'))

    expect(broadcasts).toEqual(['json', 'msgpack', 'socketio'].map((encoding) => `creator/${cleo}/${encoding}`))
  })

  it('[Y10] begin and end with a follow, at once, on open connections', async () => {
    const { clock, notices, connect, lists } = node()
    const ana = connect(buyer('ana'))
    await clock.advance(0)
    const told = async (id: string) => {
      notices.changed(buyer('ana'))
      await clock.advance(0)
      notices.heard(notice(id))
      return ana.peer.take().length
    }

    expect(await told('e1')).toBe(0)
    lists.set(buyer('ana'), [cleo, dora])
    expect(await told('e2')).toBe(1)
    lists.set(buyer('ana'), [dora])
    expect(await told('e3')).toBe(0)
    expect([...ana.peer.topics]).toEqual([`creator/${dora}/json`])
  })

  it('[Y10] end in what Postgres has, also when it changes while the list is being read', async () => {
    const { clock, notices, connect, lists, world } = node()
    lists.set(buyer('ana'), [cleo])
    let open = (): void => undefined
    world.before = () => new Promise((resolve) => (open = resolve))
    const ana = connect(buyer('ana'))
    await clock.advance(0)

    lists.set(buyer('ana'), [dora])
    notices.changed(buyer('ana'))
    world.before = async () => undefined
    open()
    await settled()

    expect([...ana.peer.topics]).toEqual([`creator/${dora}/json`])
  })

  it('[Y11] ask for many users in one question, and again when Postgres was away', async () => {
    const { clock, log, connect, lists, asked, world } = node()
    world.before = () => Promise.reject(new Error('away'))
    for (let n = 0; n < USERS_PER_QUERY + 1; n += 1) {
      lists.set(buyer(`fan ${n}`), [cleo])
      connect(buyer(`fan ${n}`))
    }
    const gone = connect(buyer('gone'))
    gone.leave()
    await clock.advance(0)
    expect(log.events).toEqual(['notices.follows_not_read'])

    world.before = async () => undefined
    const ana = connect(buyer('fan 0'))
    await clock.advance(TRY_AGAIN_MS)

    expect(asked.slice(1)).toEqual([USERS_PER_QUERY, 1])
    expect([...ana.peer.topics]).toEqual([`creator/${cleo}/json`])
  })
})

describe('over the bus', () => {
  it('[Y10] a follow on one node is heard on every node, and read anew after the bus was lost', async () => {
    const network = new MemoryNetwork()
    const names = subjects('test')
    const nodes = [1, 2].map(() => {
      const bus = new MemoryBus(network, notedLog())
      const one = node()
      const wire = { bus, subjects: names, log: one.log }
      hearCreators(wire, one.notices)
      return { ...one, announce: announceFollows(wire, one.notices), bus }
    })
    const [here, there] = nodes
    if (here === undefined || there === undefined) throw new Error('two nodes')
    const ana = there.connect(buyer('ana'))
    await there.clock.advance(0)
    for (const one of nodes) one.lists.set(buyer('ana'), [cleo])

    here.announce(buyer('ana'))
    await settled()
    await there.clock.advance(0)
    expect([...ana.peer.topics]).toEqual([`creator/${cleo}/json`])

    const event = { id: 7, drop: dropOf('d'), kind: 'creator_event', atMs: 1 }
    const body = { id: 3, creator: cleo, kind: 'drop_started', title: 'Shirt', atMs: 1 }
    here.bus.publish(names.event('creator_event'), packBody({ ...event, body }))
    for (const bad of [null, { ...event, body: null }, { ...event, body: { ...body, creator: 'x' } }, 'x', [1]]) {
      here.bus.publish(names.event('creator_event'), packBody(bad))
      here.bus.publish(names.follows, packBody(bad))
    }
    await settled()

    expect(ana.peer.take()).toEqual([notice('e3')])
    there.lists.set(buyer('ana'), [dora])
    there.bus.cut()
    there.bus.mend()
    await there.clock.advance(0)
    expect([...ana.peer.topics]).toEqual([`creator/${dora}/json`])
  })
})
