/**
 * The corpus of hostile input on every door of a node's edge, which runs in a process of its own: it lives, answers what
 * the protocol promises, keeps or ends the connection as the tables say, and nothing reaches the room.
 */
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { encode, FRAME_BYTES_MAX } from '../protocol/codec.ts'
import { JSON_NOISE, MSGPACK_NOISE, type NamedBytes } from './corpus/bytes.ts'
import { DOORS, type DoorName, type Knocker, knock as knockAt } from './corpus/knockers.ts'
import { FORBIDDEN, type HostileMessage, TOO_EARLY, WRONG_SHAPES, wrongFields } from './corpus/messages.ts'
import { BEFORE_CONNECT, PACKETS } from './corpus/packets.ts'
import { BROKEN_FRAMES, ODD_FRAMES } from './corpus/wire.ts'
import { AttackedEdge } from './fuzz/attacked-edge.ts'
import { attack } from './fuzz/attacker.ts'

const NATIVE = DOORS.slice(0, 2)
const SOCKETIO = DOORS.slice(2)
const MESSAGES = [...wrongFields(), ...WRONG_SHAPES]
/** At once: an edge answers 64 questions of a socket at a time. */
const SLICE = 48

let edge: AttackedEdge
beforeAll(async () => {
  edge = await AttackedEdge.start()
}, 60_000)
afterAll(() => edge.stop())

const leaving: (() => void)[] = []
afterEach(() => {
  for (const leave of leaving.splice(0)) leave()
})

async function knock(door: DoorName, greeted?: boolean): Promise<Knocker> {
  const knocker = await knockAt(edge.port, door, greeted)
  leaving.push(() => knocker.leave())
  return knocker
}

/** Nothing was done, nothing was thrown, nobody is left behind. */
async function expectUnharmed(): Promise<void> {
  expect(edge.isAlive).toBe(true)
  await expect.poll(async () => (await edge.weigh()).sessions, { timeout: 10_000 }).toBe(0)
  const { orders, failures, unhandled } = await edge.weigh()
  expect({ orders, failures, unhandled }).toEqual({ orders: 0, failures: [], unhandled: [] })
}

/** A frame holds 4,096 bytes; what is larger ends a native socket and is tried by itself. */
function fitting(messages: readonly HostileMessage[], door: DoorName): HostileMessage[] {
  if (door.startsWith('socket.io')) return messages.filter(({ message }) => typeof message.type === 'string')

  const format = door === 'native json' ? 'json' : 'msgpack'
  // Half a surrogate pair cannot be written in UTF-8: in MessagePack it is noise, and stands among the noise.
  const written =
    format === 'json' ? messages : messages.filter(({ message }) => !/\\ud[89a-f]/.test(JSON.stringify(message)))
  return written.filter(({ message }) => Buffer.from(encode(message as never, format)).length <= FRAME_BYTES_MAX)
}

/** Sends all of it and compares what comes back, whatever the order. */
async function expectAnswers(knocker: Knocker, messages: readonly HostileMessage[]): Promise<void> {
  for (let at = 0; at < messages.length; at += SLICE) {
    const slice = messages.slice(at, at + SLICE)
    for (const { message } of slice) knocker.say(message)
    const answers = await knocker.hears(slice.length, slice.map(({ name }) => name).join('\n'))
    const said = answers.map(({ type, code, id }) => JSON.stringify([type, code, id]))
    expect(said, slice.map(({ name }) => name).join('\n')).toEqual(
      slice.map(({ code, id }) => JSON.stringify(['error', code, id])),
    )
  }
}

describe.each(DOORS)('over %s', (door) => {
  it('[LL1] a wrong value in any field of any message is that message’s error, and nothing else happens', async () => {
    const knocker = await knock(door)

    await expectAnswers(knocker, fitting(MESSAGES, door))

    expect(await knocker.settles()).toEqual([])
    expect(knocker.ended).toBeUndefined()
    knocker.leave()
    await expectUnharmed()
  })

  it('[LL2] a good message that is not for them is refused, and the socket stays theirs', async () => {
    const knocker = await knock(door)

    for (const { name, message, answer } of FORBIDDEN) {
      knocker.say(message)
      expect(await knocker.hears(1, name), name).toMatchObject([answer])
    }

    knocker.leave()
    await expectUnharmed()
  })
})

describe.each(NATIVE)('over %s, before a hello', (door) => {
  it('[LL1] a wrong value is an error', async () => {
    const knocker = await knock(door, false)

    await expectAnswers(knocker, fitting(MESSAGES, door))

    knocker.leave()
    await expectUnharmed()
  })

  it('[LL2] a good message is unauthorized', async () => {
    const knocker = await knock(door, false)

    for (const message of TOO_EARLY) {
      knocker.say(message)
      const answer = message.type === 'order' ? { type: 'receipt', verdict: 'unauthorized' } : { code: 'unauthorized' }
      expect(await knocker.hears(1), String(message.type)).toMatchObject([answer])
    }

    knocker.leave()
    await expectUnharmed()
  })
})

describe.each(NATIVE.flatMap((door) => [true, false].map((greeted) => [door, greeted] as const)))(
  'a frame over %s that cannot be read (greeted: %s)',
  (door, greeted) => {
    const noise = door === 'native json' ? JSON_NOISE : MSGPACK_NOISE

    it('[LL3] is said to be one, twice; the third ends the socket with 3501', async () => {
      for (let at = 0; at < noise.length; at += 3) {
        const frames = noise.slice(at, at + 3)
        const names = frames.map(({ name }) => name).join(', ')
        const knocker = await knock(door, greeted)
        for (const { bytes } of frames.slice(0, 2)) knocker.throwIn(bytes)
        const answers = await knocker.settles(names)
        expect(
          answers.map(({ code }) => code),
          names,
        ).toEqual(frames.slice(0, 2).map(() => 'bad_frame'))

        for (const { bytes } of frames.slice(2)) knocker.throwIn(bytes)
        if (frames.length === 3) expect(await knocker.end(names), names).toBe(3501)
        knocker.leave()
      }
      await expectUnharmed()
    })

    it('[LL3] of more than 4,096 bytes cuts the connection', async () => {
      const knocker = await knock(door, greeted)
      knocker.throwIn(Buffer.alloc(FRAME_BYTES_MAX + 1, 0x20))

      expect([1006, 1009]).toContain(await knocker.end())
      await expectUnharmed()
    })
  },
)

describe('below the messages', () => {
  it.each(BROKEN_FRAMES.map((frame) => [frame.name, frame] as const))(
    '[LL4] %s ends the connection',
    async (_, frame) => {
      const wire = await shakenHands(frame)
      await expect.poll(() => wire.closed, { timeout: 10_000 }).toBe(true)
    },
  )

  it.each(ODD_FRAMES.map((frame) => [frame.name, frame] as const))(
    '[LL4] %s is taken as it is meant',
    async (_, frame) => {
      const wire = await shakenHands(frame)
      await expect.poll(() => wire.text, { timeout: 10_000 }).toContain('hello comes first')
      wire.end()
    },
  )

  it('[LL4] and nothing of it is left', async () => {
    await expectUnharmed()
  })
})

describe.each(SOCKETIO)('a packet over %s', (door) => {
  it('[LL5, CC5] that no client sends ends the connection, or is answered as an event', async () => {
    for (const { packet, becomes, attachment } of PACKETS) {
      if (attachment !== undefined && door === 'socket.io polling') continue
      const knocker = await knock(door)
      knocker.throwIn(packet)
      if (attachment !== undefined) knocker.throwIn(attachment)
      if (becomes === 'ends') await knocker.end(packet.slice(0, 60))
      else
        expect(await knocker.hears(1, packet.slice(0, 60)), packet.slice(0, 60)).toMatchObject([
          { type: 'error', code: becomes },
        ])
      knocker.leave()
    }
    await expectUnharmed()
  })

  it('[LL5] before CONNECT lets nobody in', async () => {
    for (const packet of BEFORE_CONNECT) {
      const knocker = await knock(door, false)
      knocker.throwIn(packet)
      if (packet.startsWith('40'))
        await expect.poll(() => knocker.ended ?? knocker.heard.length, { timeout: 10_000 }).not.toBe(-1)
      knocker.leave()
      expect(
        knocker.heard.filter((answer) => 'user' in answer),
        packet,
      ).toEqual([])
    }
    await expectUnharmed()
  })
})

describe('what is kept of all that', () => {
  it('[LL8] is nothing: after seconds of mutated input on every door the heap is as large as before', {
    timeout: 60_000,
  }, async () => {
    const url = `http://127.0.0.1:${edge.port}`
    const seed = Math.floor(Math.random() * 1_000_000)
    await attack({ url, token: 'token-of-ana', seed, forMs: 1_500 })
    await expect.poll(async () => (await edge.weigh()).sessions, { timeout: 10_000 }).toBe(0)
    const before = await edge.weigh()

    const { inputs, connections } = await attack({ url, token: 'token-of-ana', seed: seed + 1, forMs: 4_000 })
    await expect.poll(async () => (await edge.weigh()).sessions, { timeout: 10_000 }).toBe(0)
    const after = await edge.weigh()

    const heapMb = after.heapMb - before.heapMb
    const rssMb = after.rssMb - before.rssMb
    const cpuMs = (after.cpuMs - before.cpuMs) / inputs
    console.log(
      `seed ${seed}: ${inputs} inputs on ${connections} connections, heap ${heapMb.toFixed(1)} MB, RSS ${rssMb.toFixed(1)} MB, ` +
        `${cpuMs.toFixed(2)} ms of CPU for an input with its share of a connection, ${after.orders} orders among them`,
    )
    expect({ failures: after.failures, unhandled: after.unhandled }).toEqual({ failures: [], unhandled: [] })
    expect(after.orders).toBeGreaterThan(0)
    expect(heapMb).toBeLessThan(5)
    expect(rssMb).toBeLessThan(48)
  })
})

interface Wire {
  text: string
  closed: boolean
  end(): void
}

/** A WebSocket by hand: shakes hands and sends the bytes in the same breath. */
async function shakenHands({ bytes }: NamedBytes): Promise<Wire> {
  const head = [
    ...['GET /ws HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'],
    ...[`Sec-WebSocket-Key: ${'a'.repeat(22)}==`, 'Sec-WebSocket-Protocol: livedrop.v1.json', '', ''],
  ]
  const socket = connect(edge.port, '127.0.0.1')
  const wire: Wire = { text: '', closed: false, end: () => socket.destroy() }
  socket.on('data', (data) => {
    if (wire.text === '') socket.write(bytes)
    wire.text += data.toString('latin1')
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    wire.closed = true
  })
  leaving.push(wire.end)
  socket.write(head.join('\r\n'))
  await expect.poll(() => wire.text, { timeout: 10_000 }).toContain('101 Switching')
  return wire
}
