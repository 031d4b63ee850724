import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { parseNatsUrl } from '../bus/nats-address.ts'
import { NatsBus } from '../bus/nats-bus.ts'
import { busContract } from './contracts/bus.ts'
import { notedLog } from './contracts/bus-log.ts'
import { natsWorld, throughProxy } from './contracts/bus-worlds.ts'
import { uniquePrefix } from './setup/prefix.ts'

const prefix = uniquePrefix()
const one = new Uint8Array([1])

busContract(
  'the NATS bus',
  () => natsWorld(inject('natsUrl')),
  () => prefix,
)

describe('a NATS link', () => {
  const endings: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end()
  })

  async function open(url: string, options: { pingMs?: number; connectTimeoutMs?: number } = {}) {
    const log = notedLog()
    const bus = NatsBus.open({ url, name: 'test', log, redialMaxMs: 50, ...options })
    endings.push(() => bus.close())
    return { bus, log }
  }

  it('[B10] notices by its pings that nothing comes back, though the connection stays open', async () => {
    const { proxy, url } = await throughProxy(inject('natsUrl'))
    endings.push(() => proxy.close())
    const { bus, log } = await open(url, { pingMs: 50, connectTimeoutMs: 200 })
    expect(await bus.ready(5_000)).toBe(true)

    proxy.freeze()
    // Enough to fill every buffer on the way, so that a goodbye could not be written either.
    for (let count = 0; count < 64; count += 1) bus.publish(`${prefix}.flood`, new Uint8Array(256 * 1024))
    await vi.waitFor(() => expect(bus.connected).toBe(false), 5_000)
    expect(log.events).toContain('bus.lost')

    proxy.cut()
    proxy.mend()
    await vi.waitFor(() => expect(bus.connected).toBe(true), 5_000)
  })

  it('[EE13] that is lost ends every question that waits on it, also one that wants to answer its answer', async () => {
    const { proxy, url } = await throughProxy(inject('natsUrl'))
    endings.push(() => proxy.close())
    const { bus } = await open(url)
    const { bus: silent } = await open(inject('natsUrl'))
    await Promise.all([bus.ready(5_000), silent.ready(5_000)])
    let asked = 0
    silent.subscribe(`${prefix}.silent`, () => {
      asked += 1
    })
    // Its server has the subscription when it has brought back what was sent after it.
    const echoed = new Promise<void>((resolve) => void silent.subscribe(`${prefix}.echo`, () => resolve()))
    silent.publish(`${prefix}.echo`, one)
    await echoed
    const ends = [
      bus.pull(`${prefix}.silent`, one, 1_500),
      bus.ask(`${prefix}.silent`, one, 1_500),
      bus.askMany(`${prefix}.silent`, one, 1_500, () => false),
    ]
    await vi.waitFor(() => expect(asked).toBe(3), 5_000)

    proxy.cut()

    expect(await Promise.all(ends)).toEqual([{ heard: 'silence' }, { heard: 'silence' }, []])
  })

  it('[B10] does not let its memory become the queue while the server does not read', async () => {
    const { proxy, url } = await throughProxy(inject('natsUrl'))
    endings.push(() => proxy.close())
    const { bus, log } = await open(url, { pingMs: 60_000 })
    expect(await bus.ready(5_000)).toBe(true)

    proxy.freeze()
    const taken = Array.from({ length: 100 }, () => bus.publish(`${prefix}.flood`, new Uint8Array(1024 * 1024)))

    expect(taken.filter((went) => went)).toHaveLength(16)
    expect(log.events.filter((event) => event === 'bus.full')).toHaveLength(1)
  })

  it('[B10] sends on for ever while the server reads', async () => {
    const { bus } = await open(inject('natsUrl'))
    expect(await bus.ready(5_000)).toBe(true)

    for (let round = 0; round < 8; round += 1) {
      for (let count = 0; count < 8; count += 1) {
        expect(bus.publish(`${prefix}.flood`, new Uint8Array(1024 * 1024))).toBe(true)
      }
      await bus.ask(`${prefix}.nobody`, one, 5_000)
    }
  })

  it('[B44] is not said to be there before the others reach what is listened to on it', async () => {
    const { proxy, url } = await throughProxy(inject('natsUrl'))
    endings.push(() => proxy.close())
    const { bus: ana } = await open(inject('natsUrl'))
    const { bus: ben } = await open(url)
    expect([await ana.ready(5_000), await ben.ready(5_000)]).toEqual([true, true])
    for (let count = 0; count < 500; count += 1) ben.subscribe(`${prefix}.others.${count}`, () => undefined)
    ben.subscribe(`${prefix}.last`, ({ respond }) => respond(one))
    const asked = new Promise((resolve) => {
      ben.onState((connected) => connected && resolve(ana.ask(`${prefix}.last`, one, 5_000)))
    })

    proxy.cut()
    await vi.waitFor(() => expect(ben.connected).toBe(false))
    proxy.mend()

    expect(await asked).toMatchObject({ heard: 'answer' })
  })

  it('[B11] dials for ever: a bus that was opened before its server comes up when the server does', async () => {
    const { proxy, url } = await throughProxy(inject('natsUrl'))
    endings.push(() => proxy.close())
    proxy.cut()
    const { bus, log } = await open(url)
    const heard: string[] = []
    bus.subscribe(`${prefix}.early`, ({ subject }) => heard.push(subject))

    expect(await bus.ready(100)).toBe(false)
    expect(log.events).toContain('bus.unreachable')

    proxy.mend()
    expect(await bus.ready(5_000)).toBe(true)
    bus.publish(`${prefix}.early`, one)
    await vi.waitFor(() => expect(heard).toHaveLength(1))
  })

  it('[B11] goes on dialling with a wrong password, says so once, and ends when it is told to', async () => {
    const { servers } = parseNatsUrl(inject('natsUrl'))
    const { bus, log } = await open(`nats://livedrop:wrong@${servers[0]}`)

    expect(await bus.ready(500)).toBe(false)
    expect(log.events).toEqual(['bus.unreachable'])

    await bus.close()
    expect(bus.connected).toBe(false)
  })
})
