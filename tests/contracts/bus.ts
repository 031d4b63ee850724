/** What every bus does, told as sentences; run over plain objects and over NATS. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Bus, Delivery } from '../../bus/bus.ts'

export interface BusWorld {
  /** A node's bus, connected. */
  bus(): Promise<Bus>
  /** Breaks the link of all the world's buses, so that they notice; resolves when they have. */
  cut(): Promise<void>
  mend(): Promise<void>
  /** What the buses had to say to their operators. */
  said(): string[]
  bodyMaxBytes: number
  end(): Promise<void>
}

const WAIT_MS = 2_000
const text = (body: Uint8Array) => new TextDecoder().decode(body)
const bytes = (words: string) => new TextEncoder().encode(words)

export function busContract(name: string, open: () => Promise<BusWorld>, prefix: () => string): void {
  describe(name, () => {
    let world: BusWorld | undefined

    afterEach(async () => {
      await world?.end()
      world = undefined
    })

    async function two() {
      world = await open()
      const [ana, ben] = [await world.bus(), await world.bus()]
      return { world, ana, ben, at: (name: string) => `${prefix()}.${name}` }
    }

    /** Listens, and waits until everybody knows: a question goes the same way behind the subscription. */
    async function listen(bus: Bus, subject: string, answer?: (delivery: Delivery) => void) {
      const heard: string[] = []
      const subscription = bus.subscribe(subject, (delivery) => {
        heard.push(`${delivery.subject} ${text(delivery.body)}`)
        answer?.(delivery)
      })
      await settle(bus)
      return { heard, subscription }
    }

    const settle = (bus: Bus) => bus.ask(`${prefix()}.nobody.is.here`, bytes(''), WAIT_MS)

    it('[B1] tells a message once to everyone who listens to its subject, the sender included, and to nobody else', async () => {
      const { ana, ben, at } = await two()
      const own = await listen(ana, at('shoe'))
      const other = await listen(ben, at('shoe'))
      const stranger = await listen(ben, at('hat'))

      expect(ana.publish(at('shoe'), bytes('1'))).toBe(true)
      expect(ana.publish(at('shoe'), bytes('2'))).toBe(true)

      await vi.waitFor(() => expect(other.heard).toHaveLength(2))
      expect(other.heard).toEqual([`${at('shoe')} 1`, `${at('shoe')} 2`])
      await vi.waitFor(() => expect(own.heard).toEqual(other.heard))
      expect(stranger.heard).toEqual([])
    })

    it('[B1] reads a star as one token and an arrow as the rest', async () => {
      const { ana, ben, at } = await two()
      const star = await listen(ben, at('drop.*.news'))
      const arrow = await listen(ben, at('drop.>'))

      for (const subject of ['drop.a.news', 'drop.a.b.news', 'drop.a', 'drop']) ana.publish(at(subject), bytes(''))

      await settle(ana)
      await vi.waitFor(() => expect(arrow.heard).toHaveLength(3))
      expect(arrow.heard.map((one) => one.trim())).toEqual([at('drop.a.news'), at('drop.a.b.news'), at('drop.a')])
      expect(star.heard.map((one) => one.trim())).toEqual([at('drop.a.news')])
    })

    it('[B2] knows at once that nobody listens', async () => {
      const { ana, at } = await two()
      const startMs = performance.now()

      const asked = await ana.ask(at('shoe'), bytes('?'), 10_000)

      expect(asked).toEqual({ heard: 'nobody' })
      expect(performance.now() - startMs).toBeLessThan(5_000)
    })

    it('[B2] gives the answer of who was asked', async () => {
      const { ana, ben, at } = await two()
      await listen(ben, at('shoe'), ({ body, respond }) => respond(bytes(`${text(body)}!`)))

      const asked = await ana.ask(at('shoe'), bytes('left?'), WAIT_MS)

      expect(asked).toMatchObject({ heard: 'answer' })
      expect(asked.heard === 'answer' && text(asked.body)).toBe('left?!')
    })

    it('[B2] calls it silence when somebody listens and does not answer in time', async () => {
      const { ana, ben, at } = await two()
      const shy = await listen(ben, at('shoe'))

      const asked = await ana.ask(at('shoe'), bytes('?'), 50)

      expect(asked).toEqual({ heard: 'silence' })
      await vi.waitFor(() => expect(shy.heard).toHaveLength(1))
    })

    it('[B2] gathers many answers until there are enough, or until the time is over', async () => {
      const { ana, ben, at } = await two()
      await listen(ana, at('who'), ({ respond }) => respond(bytes('ana')))
      await listen(ben, at('who'), ({ respond }) => {
        respond(bytes('ben'))
        respond(bytes('ben again'))
      })

      const startMs = performance.now()
      const all = await ana.askMany(at('who'), bytes('?'), 10_000, (answers) => answers.length === 3)
      const some = await ana.askMany(at('who'), bytes('?'), 100, () => false)
      const none = await ana.askMany(at('nobody'), bytes('?'), 10_000, () => false)

      expect(all.map(text).sort()).toEqual(['ana', 'ben', 'ben again'])
      expect(some).toHaveLength(3)
      expect(none).toEqual([])
      expect(performance.now() - startMs).toBeLessThan(5_000)
    })

    it('[B2] does nothing when a message is answered that was no question', async () => {
      const { ana, ben, at } = await two()
      const eager = await listen(ben, at('shoe'), ({ respond }) => respond(bytes('why?')))

      ana.publish(at('shoe'), bytes('1'))

      await vi.waitFor(() => expect(eager.heard).toHaveLength(1))
    })

    it('[B3] sends nothing while it is not connected, and nothing of that later', async () => {
      const { world, ana, ben, at } = await two()
      const { heard } = await listen(ben, at('shoe'))
      await world.cut()

      expect([ana.connected, ben.connected]).toEqual([false, false])
      expect(ana.publish(at('shoe'), bytes('late'))).toBe(false)
      expect(await ana.ask(at('shoe'), bytes('late'), 10_000)).toEqual({ heard: 'silence' })
      expect(await ana.askMany(at('shoe'), bytes('late'), 10_000, () => false)).toEqual([])

      await world.mend()
      await settle(ben)
      ana.publish(at('shoe'), bytes('in time'))
      await vi.waitFor(() => expect(heard).toEqual([`${at('shoe')} in time`]))
    })

    it('[B3] ends a question with silence when the link is lost under it', async () => {
      const { world, ana, ben, at } = await two()
      const { heard } = await listen(ben, at('shoe'))
      const one = ana.ask(at('shoe'), bytes('?'), 60_000)
      const many = ana.askMany(at('shoe'), bytes('?'), 60_000, () => false)
      await vi.waitFor(() => expect(heard).toHaveLength(2))

      await world.cut()

      expect(await one).toEqual({ heard: 'silence' })
      expect(await many).toEqual([])
    })

    it('[B4] listens again by itself after the link was lost, and tells of both', async () => {
      const { world, ana, ben, at } = await two()
      const { heard } = await listen(ben, at('shoe'))
      const states: boolean[] = []
      ben.onState((connected) => states.push(connected))

      await world.cut()
      const during = await new Promise<string[]>((resolve) => {
        const early: string[] = []
        ben.subscribe(at('hat'), (delivery) => early.push(text(delivery.body)))
        resolve(early)
      })
      await world.mend()
      await settle(ben)
      ana.publish(at('shoe'), bytes('1'))
      ana.publish(at('hat'), bytes('2'))

      await vi.waitFor(() => expect(heard).toEqual([`${at('shoe')} 1`]))
      await vi.waitFor(() => expect(during).toEqual(['2']))
      expect(states).toEqual([false, true])
    })

    it('[B4] tells nothing to who has stopped listening', async () => {
      const { ana, ben, at } = await two()
      const gone = await listen(ben, at('shoe'))
      const still = await listen(ben, at('shoe'))

      await gone.subscription.stop()
      ana.publish(at('shoe'), bytes('1'))

      await vi.waitFor(() => expect(still.heard).toHaveLength(1))
      expect(gone.heard).toEqual([])
      await still.subscription.stop()
      expect(await ana.ask(at('shoe'), bytes('?'), WAIT_MS)).toEqual({ heard: 'nobody' })
    })

    it('[B5] goes on after a listener that throws, and says so', async () => {
      const { world, ana, ben, at } = await two()
      await listen(ben, at('shoe'), () => {
        throw new Error('a listener with a mistake')
      })
      const next = await listen(ben, at('hat'))

      ana.publish(at('shoe'), bytes('1'))
      ana.publish(at('hat'), bytes('2'))

      await vi.waitFor(() => expect(next.heard).toHaveLength(1))
      expect(world.said()).toContain('bus.listener_failed')
    })

    it('[B6] refuses a body that is larger than the server takes, and lives on', async () => {
      const { world, ana, ben, at } = await two()
      const { heard } = await listen(ben, at('shoe'), ({ respond }) => respond(new Uint8Array(world.bodyMaxBytes + 1)))
      const tooLarge = new Uint8Array(world.bodyMaxBytes + 1)

      expect(ana.publish(at('shoe'), tooLarge)).toBe(false)
      expect(await ana.ask(at('shoe'), tooLarge, 10_000)).toEqual({ heard: 'silence' })
      expect(await ana.ask(at('shoe'), bytes('1'), 100)).toEqual({ heard: 'silence' })

      expect(heard).toEqual([`${at('shoe')} 1`])
      expect(world.said().filter((event) => event === 'bus.refused')).toHaveLength(3)
      expect(ana.publish(at('shoe'), new Uint8Array(world.bodyMaxBytes))).toBe(true)
    })

    it('[B6] refuses a subject that would break out of its place', async () => {
      const { ana, at } = await two()

      for (const subject of [
        '',
        ' ',
        at('a b'),
        at('a\r\nPUB x 1'),
        at('*'),
        at('>'),
        at('a.'),
        `.${at('a')}`,
        at('a..b'),
      ]) {
        expect(ana.publish(subject, bytes('1')), JSON.stringify(subject)).toBe(false)
        expect(await ana.ask(subject, bytes('1'), 10_000)).toEqual({ heard: 'silence' })
      }
    })

    it('[B6] refuses to listen to what is no subject, for it would cost the whole link', async () => {
      const { ana } = await two()

      for (const subject of ['', ' ', 'a b', 'a\r\n', 'a.', '.a', 'a..b']) {
        expect(() => ana.subscribe(subject, () => undefined), JSON.stringify(subject)).toThrow()
      }
      expect(await settle(ana)).toEqual({ heard: 'nobody' })
    })

    it('[B7] is not connected after its end, and ends once however often it is closed', async () => {
      const { ana, ben, at } = await two()
      const { heard } = await listen(ben, at('shoe'))
      ana.publish(at('shoe'), bytes('the last word'))

      await Promise.all([ana.close(), ana.close()])

      expect(ana.connected).toBe(false)
      expect(ana.publish(at('shoe'), bytes('1'))).toBe(false)
      expect(await ana.ask(at('shoe'), bytes('1'), 10_000)).toEqual({ heard: 'silence' })
      await vi.waitFor(() => expect(heard).toEqual([`${at('shoe')} the last word`]))
    })
  })
}
