/** A node's bus, heard only while its process runs; the network keeps what comes for a stopped one, as NATS does. */
import type { Asked, Bus, Delivery, Subscription } from '../../bus/bus.ts'
import type { ProcessTime } from './virtual-time.ts'

export class GatedBus implements Bus {
  readonly #inner: Bus
  readonly #process: ProcessTime

  constructor(inner: Bus, process: ProcessTime) {
    this.#inner = inner
    this.#process = process
  }

  get connected(): boolean {
    return this.#inner.connected
  }

  publish(subject: string, body: Uint8Array): boolean {
    return this.#inner.publish(subject, body)
  }

  ask(subject: string, body: Uint8Array, waitMs: number): Promise<Asked> {
    return this.#process.heard(this.#inner.ask(subject, body, waitMs))
  }

  askMany(
    subject: string,
    body: Uint8Array,
    waitMs: number,
    enough: (answers: readonly Uint8Array[]) => boolean,
  ): Promise<Uint8Array[]> {
    return this.#process.heard(this.#inner.askMany(subject, body, waitMs, enough))
  }

  subscribe(subject: string, hear: (delivery: Delivery) => void): Subscription {
    return this.#inner.subscribe(subject, (delivery) => this.#process.enter(() => hear(delivery)))
  }

  onState(call: (connected: boolean) => void): void {
    this.#inner.onState((connected) => this.#process.enter(() => call(connected)))
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}
