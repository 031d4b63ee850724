/**
 * The durable lane between nodes: events that must not be missed, kept for a day.
 *
 * It is filled from the outbox in Postgres and from nothing else, so it may be wiped at any time. An event may be in it
 * twice (its id is remembered only for minutes), so whoever reads it remembers what it has seen.
 * Implementations: nats-event-stream.ts (JetStream) and memory-event-stream.ts, one contract suite.
 */
export interface EventStream {
  /**
   * Resolves when the stream has taken it, with its number there; the same `id` again within two minutes changes nothing.
   * Throws `unavailable` when that is not known within `waitMs`: append it again. Throws `too_large` for a body that
   * the stream will never take.
   */
  append(subject: string, body: Uint8Array, id: string, waitMs: number): Promise<number>
  /**
   * Called when the stream came back without events that it had taken, or had to be made: those with a higher number than
   * `lastSeq` must be appended again. Never between two appends that both succeed on one connection.
   */
  onLost(call: (lastSeq: number) => void): void
}
