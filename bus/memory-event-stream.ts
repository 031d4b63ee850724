/** The stream as a list: for tests, for the simulator, and to say what the JetStream one must do. */
import { Fault } from '../protocol/faults.ts'
import type { Bus } from './bus.ts'
import type { EventStream } from './event-stream.ts'

export class MemoryEventStream implements EventStream {
  kept: { subject: string; body: Uint8Array; id: string }[] = []
  /** False: nothing is taken, as from a NATS that is gone. */
  reachable = true
  readonly #lostCalls: ((lastSeq: number) => void)[] = []
  #there = false
  readonly #bus: Bus
  readonly #bodyMaxBytes: number

  constructor(bus: Bus, bodyMaxBytes = 1024 * 1024) {
    this.#bus = bus
    this.#bodyMaxBytes = bodyMaxBytes
  }

  async append(subject: string, body: Uint8Array, id: string): Promise<number> {
    if (body.length > this.#bodyMaxBytes) throw new Fault('too_large', { subject, bytes: body.length })
    if (!this.reachable) throw new Fault('unavailable', { subject })

    if (!this.#there) {
      this.#there = true
      for (const call of this.#lostCalls) call(this.kept.length)
    }
    // Who listens live hears a repeated event again: only the stream remembers ids.
    this.#bus.publish(subject, body)
    const at = this.kept.findIndex((event) => event.id === id)
    return at < 0 ? this.kept.push({ subject, body, id }) : at + 1
  }

  onLost(call: (lastSeq: number) => void): void {
    this.#lostCalls.push(call)
  }

  /** As when the disk of a JetStream server was lost. */
  wipe(): void {
    this.losesAllAfter(0)
  }

  /** As when the power went before the end of its file was synced. */
  losesAllAfter(lastSeq: number): void {
    this.kept = this.kept.slice(0, lastSeq)
    this.#there = false
  }
}
