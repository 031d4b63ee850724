/** What every event stream does. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Bus } from '../../bus/bus.ts'
import type { EventStream } from '../../bus/event-stream.ts'
import { type Subjects, subjects } from '../../bus/subjects.ts'

export interface EventStreamWorld {
  stream: EventStream
  /** Of another node. */
  bus: Bus
  /** What the stream keeps, oldest first. */
  kept(): Promise<string[]>
  /** Loses everything, the stream itself too. */
  wipe(): Promise<void>
  /** Nothing is taken until `mend`. */
  cut(): Promise<void>
  mend(): Promise<void>
  bodyMaxBytes: number
  end(): Promise<void>
}

const WAIT_MS = 2_000
const bytes = (words: string) => new TextEncoder().encode(words)

export function eventStreamContract(
  name: string,
  open: (names: Subjects) => Promise<EventStreamWorld>,
  prefix: () => string,
): void {
  describe(name, () => {
    let ending: EventStreamWorld | undefined
    let count = 0

    afterEach(async () => {
      await ending?.end()
      ending = undefined
    })

    async function world() {
      count += 1
      const names = subjects(`${prefix()}-${count}`)
      ending = await open(names)
      let losses = 0
      ending.stream.onLost(() => {
        losses += 1
      })
      return { ...ending, confirmed: names.event('order_confirmed'), losses: () => losses }
    }

    it('[B32] keeps what was appended, in order', async () => {
      const { stream, confirmed, kept } = await world()

      await Promise.all(['1', '2', '3'].map((id) => stream.append(confirmed, bytes(`event ${id}`), id, WAIT_MS)))

      expect(await kept()).toEqual(['event 1', 'event 2', 'event 3'])
    })

    it('[B32] takes an event once, however often it is appended under its id', async () => {
      const { stream, confirmed, kept } = await world()

      const seqs: number[] = []
      for (const id of ['1', '2', '1', '2', '1']) {
        seqs.push(await stream.append(confirmed, bytes(`event ${id}`), id, WAIT_MS))
      }

      expect(seqs).toEqual([1, 2, 1, 2, 1])
      expect(await kept()).toEqual(['event 1', 'event 2'])
    })

    it('[B32] lets every node hear an event live', async () => {
      const { stream, bus, confirmed } = await world()
      const heard: string[] = []
      bus.subscribe(confirmed, ({ body }) => heard.push(new TextDecoder().decode(body)))
      await bus.ask('nobody.is.here', bytes(''), WAIT_MS)

      await stream.append(confirmed, bytes('event 1'), '1', WAIT_MS)

      await vi.waitFor(() => expect(heard).toEqual(['event 1']))
    })

    it('[B33] says that it is not known whether an event was taken, and takes it when it can again', async () => {
      const { stream, confirmed, kept, cut, mend } = await world()
      await stream.append(confirmed, bytes('event 1'), '1', WAIT_MS)

      await cut()
      await expect(stream.append(confirmed, bytes('event 2'), '2', 200)).rejects.toMatchObject({ code: 'unavailable' })
      await mend()
      await stream.append(confirmed, bytes('event 2'), '2', WAIT_MS)

      expect(await kept()).toEqual(['event 1', 'event 2'])
    })

    it('[B34] is made anew when it is gone, and says that what it held is lost', async () => {
      const { stream, bus, confirmed, kept, wipe, losses } = await world()
      // Who listens live is a subscriber too: without a stream the subject is silent, not empty.
      bus.subscribe(confirmed, () => undefined)
      await stream.append(confirmed, bytes('event 1'), '1', WAIT_MS)
      expect(losses()).toBe(1)
      await wipe()

      await stream
        .append(confirmed, bytes('event 2'), '2', 200)
        .catch((fault) => expect(fault.code).toBe('unavailable'))
      await stream.append(confirmed, bytes('event 2'), '2', WAIT_MS)

      expect(losses()).toBe(2)
      expect(await kept()).toEqual(['event 2'])
    })

    it('[B33] says that it will never take a body that is too large', async () => {
      const { stream, confirmed, bodyMaxBytes } = await world()
      const tooLarge = new Uint8Array(bodyMaxBytes + 1)

      await expect(stream.append(confirmed, tooLarge, '1', WAIT_MS)).rejects.toMatchObject({ code: 'too_large' })
    })
  })
}
