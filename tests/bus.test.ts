import { describe, expect, it } from 'vitest'
import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryNetwork, type Passing } from '../bus/memory-network.ts'
import { parseNatsUrl } from '../bus/nats-address.ts'
import { Fault } from '../protocol/faults.ts'
import { HandClock } from './builders/hand-clock.ts'
import { busContract } from './contracts/bus.ts'
import { notedLog } from './contracts/bus-log.ts'
import { memoryWorld } from './contracts/bus-worlds.ts'

busContract('the memory bus', memoryWorld, () => 'test')

describe('the memory network', () => {
  const one = new Uint8Array([1])

  it('[B8] loses, repeats and delays what it is told to, and nothing else', async () => {
    const clock = new HandClock()
    const network = new MemoryNetwork({ after: (ms, call) => clock.after(ms, call) })
    const [ana, ben] = [new MemoryBus(network, notedLog()), new MemoryBus(network, notedLog())]
    const heard: string[] = []
    ben.subscribe('>', ({ subject }) => heard.push(subject))
    network.fate = ({ subject }: Passing) => {
      if (subject === 'late') return { lateMs: 100 }
      if (subject === 'lost') return 'drop'
      return subject === 'double' ? 'twice' : 'deliver'
    }

    for (const subject of ['late', 'lost', 'double', 'plain']) ana.publish(subject, one)
    await clock.advance(99)
    expect(heard).toEqual(['double', 'double', 'plain'])

    await clock.advance(1)
    expect(heard).toEqual(['double', 'double', 'plain', 'late'])
  })

  it('[B8] delivers in the order of sending, and never inside the call that sends', () => {
    const calls: (() => void)[] = []
    const network = new MemoryNetwork({ schedule: (call) => calls.push(call) })
    const [ana, ben] = [new MemoryBus(network, notedLog()), new MemoryBus(network, notedLog())]
    const heard: number[] = []
    ben.subscribe('shoe', ({ body }) => heard.push(body[0] ?? -1))

    for (const count of [1, 2, 3]) ana.publish('shoe', new Uint8Array([count]))
    expect(heard).toEqual([])

    for (const call of calls) call()
    expect(heard).toEqual([1, 2, 3])
  })

  it('[B8] loses what is on its way to a node that is cut off, and tells nothing late to who has stopped', async () => {
    const calls: (() => void)[] = []
    const network = new MemoryNetwork({ schedule: (call) => calls.push(call) })
    const [ana, ben] = [new MemoryBus(network, notedLog()), new MemoryBus(network, notedLog())]
    const heard: string[] = []
    ben.subscribe('shoe', () => heard.push('shoe'))
    const hats = ana.subscribe('hat', () => heard.push('hat'))
    ana.publish('shoe', one)
    ana.publish('hat', one)

    ben.cut()
    await hats.stop()
    for (const call of calls) call()

    expect(heard).toEqual([])
  })

  it('[B8] separates one node from the others without the others noticing', async () => {
    const network = new MemoryNetwork()
    const [ana, ben, eve] = [0, 1, 2].map(() => new MemoryBus(network, notedLog())) as [MemoryBus, MemoryBus, MemoryBus]
    ben.subscribe('shoe', ({ respond }) => respond(one))

    ben.cut()
    expect(await ana.ask('shoe', one, 1_000)).toEqual({ heard: 'nobody' })
    expect(eve.connected).toBe(true)

    ben.mend()
    expect(await ana.ask('shoe', one, 1_000)).toMatchObject({ heard: 'answer' })
  })
})

describe('the address of NATS', () => {
  it('[B9] takes the password out of the URL, for the client would read it as part of the host', () => {
    expect(parseNatsUrl('nats://ana:s%40fe@10.0.0.1:4333, nats://10.0.0.2')).toEqual({
      servers: ['10.0.0.1:4333', '10.0.0.2:4222'],
      user: 'ana',
      password: 's@fe',
      token: undefined,
      tls: false,
    })
    expect(parseNatsUrl('tls://secret@nats.example')).toMatchObject({ token: 'secret', user: undefined, tls: true })
  })

  it('[B9] refuses anything else without repeating it', () => {
    for (const url of ['', 'localhost', 'http://host', 'nats://', 'nats://a:b@']) {
      expect(() => parseNatsUrl(url), url).toThrow(Fault)
    }
    expect(() => parseNatsUrl('http://ana:secret@host')).not.toThrow(/secret/)
  })
})
