/**
 * The port to the other nodes: subjects, messages, questions. Transport only: a message may be lost, repeated or late,
 * and everything above is built so that none of that matters.
 *
 * Bodies are bytes; protocol/codec.ts makes them. Subject names are in bus/subjects.ts and nowhere else.
 * Implementations: nats-bus.ts and memory-bus.ts, one contract suite.
 */
export interface Subscription {
  /** Resolves when the other side knows; nothing is delivered after. */
  stop(): Promise<void>
}

export interface Delivery {
  subject: string
  body: Uint8Array
  /** Answers a question; does nothing for a message that was none. */
  respond(body: Uint8Array): void
}

export type Asked = { heard: 'answer'; body: Uint8Array } | { heard: 'nobody' } | { heard: 'silence' }

export interface Bus {
  /** False while not connected: then nothing is sent, and nothing is kept to be sent later. */
  readonly connected: boolean
  /** Fire and forget. Answers false when it could not be handed over. */
  publish(subject: string, body: Uint8Array): boolean
  /** `nobody`: no subscriber, known at once. `silence`: no answer within `waitMs`, so it may have happened. */
  ask(subject: string, body: Uint8Array, waitMs: number): Promise<Asked>
  /** One question, many answers: those that came within `waitMs`, or until `enough` says so. */
  askMany(
    subject: string,
    body: Uint8Array,
    waitMs: number,
    enough: (answers: readonly Uint8Array[]) => boolean,
  ): Promise<Uint8Array[]>
  /** `*` stands for one token, `>` for the rest. Survives reconnects. Throws for what is no subject. */
  subscribe(subject: string, hear: (delivery: Delivery) => void): Subscription
  /** Called at each change of `connected`. */
  onState(call: (connected: boolean) => void): void
  close(): Promise<void>
}
