/** The two worlds in which the bus and everything on it is tested: plain objects, and a real NATS behind a cable. */
import { expect, vi } from 'vitest'
import { MemoryBus } from '../../bus/memory-bus.ts'
import { MemoryNetwork } from '../../bus/memory-network.ts'
import { NatsBus } from '../../bus/nats-bus.ts'
import type { BusWorld } from './bus.ts'
import { notedLog } from './bus-log.ts'
import { BusProxy } from './bus-proxy.ts'

export async function memoryWorld(): Promise<BusWorld> {
  const network = new MemoryNetwork()
  const log = notedLog()
  const buses: MemoryBus[] = []
  return {
    bus: async () => {
      const bus = new MemoryBus(network, log)
      buses.push(bus)
      return bus
    },
    cut: async () => {
      for (const bus of buses) bus.cut()
    },
    mend: async () => {
      for (const bus of buses) bus.mend()
    },
    said: () => log.events,
    bodyMaxBytes: network.bodyMaxBytes,
    end: async () => {
      for (const bus of buses) await bus.close()
    },
  }
}

/** The same server, reached through a cable that can be cut. */
export async function throughProxy(natsUrl: string): Promise<{ proxy: BusProxy; url: string }> {
  const url = new URL(natsUrl)
  const proxy = await BusProxy.before({ host: url.hostname, port: Number(url.port) })
  url.port = String(proxy.port)
  return { proxy, url: url.href }
}

export async function natsWorld(natsUrl: string): Promise<BusWorld> {
  const { proxy, url } = await throughProxy(natsUrl)
  const log = notedLog()
  const buses: NatsBus[] = []
  return {
    bus: async () => {
      const bus = NatsBus.open({ url, name: `test-${buses.length}`, log, redialMaxMs: 50 })
      buses.push(bus)
      expect(await bus.ready(5_000)).toBe(true)
      return bus
    },
    cut: async () => {
      proxy.cut()
      await vi.waitFor(() => expect(buses.some((bus) => bus.connected)).toBe(false))
    },
    mend: async () => {
      proxy.mend()
      await vi.waitFor(() => expect(buses.every((bus) => bus.connected)).toBe(true), 5_000)
    },
    said: () => log.events,
    bodyMaxBytes: 1024 * 1024,
    end: async () => {
      await Promise.all(buses.map((bus) => bus.close()))
      await proxy.close()
    },
  }
}
