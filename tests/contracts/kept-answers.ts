/**
 * Two nodes that keep what they have read, before one set of stores, over any bus. Time stands still unless a test winds
 * it, so what is fresh here is fresh because somebody said so.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { subjects as subjectsOf } from '../../bus/subjects.ts'
import { packBody } from '../../protocol/codec.ts'
import { KeptAnswers } from '../../server/api/kept-answers.ts'
import { announceTouches, hearTouches } from '../../server/outbound/touch-ears.ts'
import { HandClock } from '../builders/hand-clock.ts'
import { httpNode } from '../builders/http-node.ts'
import { nodeOf } from '../builders/people.ts'
import { restWorld } from '../builders/rest-world.ts'
import type { BusWorld } from './bus.ts'
import { notedLog } from './bus-log.ts'

const PRODUCT = { title: 'Tour shirt', variants: [{ sku: 'SHIRT-M', title: 'M', priceMinor: 3900, currency: 'EUR' }] }

export function keptAnswersContract(name: string, open: () => Promise<BusWorld>, prefix: () => string): void {
  describe(name, () => {
    const endings: (() => unknown)[] = []
    afterEach(async () => {
      for (const end of endings.splice(0).reverse()) await end()
    })

    async function twoNodes() {
      const wires = await open()
      endings.push(() => wires.end())
      const rest = restWorld()
      const subjects = subjectsOf(prefix())
      const clock = new HandClock()
      const log = notedLog()

      const node = async (id: string) => {
        const bus = await wires.bus()
        const kept = new KeptAnswers(clock)
        const keepers = [kept, rest.world.dropPages as unknown as KeptAnswers]
        const ears = hearTouches({ bus, subjects, node: nodeOf(id), log }, keepers)
        const touched = announceTouches({ bus, subjects, node: nodeOf(id) }, keepers)
        const door = await httpNode({ routes: rest.routes, tokens: rest.tokens, kept, touched })
        endings.push(() => door.close())
        // A question goes the same way behind the subscriptions: its answer says that they are known.
        const subject = `${prefix()}.here.${id}`
        bus.subscribe(subject, ({ body, respond }) => respond(body))
        expect(await bus.ask(subject, packBody(1), 5_000)).toMatchObject({ heard: 'answer' })
        endings.push(() => ears.stop())
        return { ...door, bus }
      }
      const [here, there] = [await node('here'), await node('there')]
      const cleo = await rest.person('creator')
      const read = async (at: typeof here, path: string) => (await at.call('GET', path)).body
      return { wires, rest, clock, here, there, cleo, read, subjects, log }
    }

    it('[BB6] what is written on one node is read there at once, and on the other when it has heard', async () => {
      const { here, there, cleo, read } = await twoNodes()
      const made = await here.call('POST', '/v1/products', { token: cleo.token, body: PRODUCT })
      const path = `/v1/products/${made.body.id}`
      for (const node of [here, there]) {
        expect((await read(node, path)).title).toBe('Tour shirt')
        expect((await read(node, '/v1/products')).items).toHaveLength(1)
      }

      await here.call('PATCH', path, { token: cleo.token, body: { title: 'Night shirt' } })

      expect((await read(here, path)).title).toBe('Night shirt')
      await vi.waitFor(async () => expect((await read(there, path)).title).toBe('Night shirt'), 5_000)
      await vi.waitFor(
        async () => expect((await read(there, '/v1/products')).items[0].title).toBe('Night shirt'),
        5_000,
      )

      await there.call('DELETE', path, { token: cleo.token })

      expect((await there.call('GET', path)).status).toBe(404)
      expect((await read(there, '/v1/products')).items).toEqual([])
      await vi.waitFor(async () => expect((await here.call('GET', path)).status).toBe(404), 5_000)
      await vi.waitFor(async () => expect((await read(here, '/v1/products')).items).toEqual([]), 5_000)
    })

    it('[BB6] a node that was cut off gives out what it has for a second, and forgets it all when it is back', async () => {
      const { wires, rest, clock, here, there, cleo, read } = await twoNodes()
      const fan = await rest.person('fan')
      const path = `/v1/creators/${cleo.creator}`
      const followers = async (node: typeof here) => (await read(node, path)).followers
      expect([await followers(here), await followers(there)]).toEqual([0, 0])

      await wires.cut()
      await here.call('PUT', `${path}/follow`, { token: fan.token })
      expect([await followers(here), await followers(there)]).toEqual([1, 0])
      await clock.advance(999)
      expect(await followers(there)).toBe(0)
      await clock.advance(1)
      expect(await followers(there)).toBe(1)

      await here.call('DELETE', `${path}/follow`, { token: fan.token })
      expect([await followers(here), await followers(there)]).toEqual([0, 1])
      await wires.mend()
      await vi.waitFor(async () => expect(await followers(there)).toBe(0), 5_000)
    })

    it('[BB6] a phase that a room has written is heard from the outbox', async () => {
      const { rest, here, there, cleo, read, subjects } = await twoNodes()
      const record = rest.drop(cleo.creator, { phase: 'scheduled' })
      const phases = async (node: typeof here) => (await read(node, '/v1/drops')).items[0].phase
      expect([await phases(here), await phases(there)]).toEqual(['scheduled', 'scheduled'])

      record.phase = 'closed'
      here.bus.publish(subjects.event('drop_phase'), packBody({ drop: record.drop, kind: 'drop_phase', body: {} }))

      for (const node of [here, there]) await vi.waitFor(async () => expect(await phases(node)).toBe('closed'), 5_000)
    })

    it('[BB6] what no node of ours says is ignored', async () => {
      const { here, there, cleo, read, subjects, log } = await twoNodes()
      const made = await here.call('POST', '/v1/products', { token: cleo.token, body: PRODUCT })
      const name = `product/${made.body.id}`
      const hostile = [
        ...[1, 'products', [], {}, { by: 'x' }, { by: 'other', names: 'products' }, { by: 'a.b', names: [name] }],
        ...[
          { by: 'other', names: [1] },
          { by: 'other', names: ['x'.repeat(1_000)] },
        ],
        { by: 'other', names: Array(1_000).fill('products') },
      ]

      for (const body of hostile) here.bus.publish(subjects.touched, packBody(body))
      here.bus.publish(subjects.touched, new Uint8Array([0xc1, 0, 1]))
      here.bus.publish(subjects.event('drop_phase'), packBody({ drop: '../..' }))

      const refused = (hostile.length + 2) * 2
      await vi.waitFor(
        () => expect(log.events.filter((event) => /^bus\.(ignored|unreadable)/.test(event))).toHaveLength(refused),
        5_000,
      )
      expect((await read(there, `/v1/products/${made.body.id}`)).title).toBe('Tour shirt')
    })
  })
}
