/**
 * A reader of the event stream that remembers where it was, in the stream itself: whichever node asks gets the next event
 * that nobody is done with. An event that nobody says to be done with comes again, so it may come twice.
 * Implementation: nats-event-consumer.ts (a durable pull consumer of JetStream).
 */
export interface Taken {
  subject: string
  body: Uint8Array
  /** It need not come again. */
  done(): void
  /** It should come again, after so long. */
  again(afterMs: number): void
}

export interface EventConsumer {
  /** `nothing`: no event within `waitMs`, none now if it is 0. `away`: the stream could not be asked. */
  take(waitMs: number): Promise<Taken | 'nothing' | 'away'>
}
