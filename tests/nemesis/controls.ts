/**
 * Negative controls: the same runs on nodes from which one mechanism was taken out (controlled-node.ts). A checker that has
 * never failed proves nothing.
 */
export const CONTROLS = {
  no_journal: 'journals are forgotten when a room ends, and not surrendered',
  no_prev_seq: 'the ledger takes any seq for the one that the room has seen',
  epoch_in_redis: 'the epoch is one more than Redis has',
  no_min_epoch: 'a rebuild does not fence Postgres against late entries',
  watermark: 'entries at or below the watermark are taken for written',
} as const
export type ControlName = keyof typeof CONTROLS

export function isControl(text: string | undefined): text is ControlName {
  return text !== undefined && Object.hasOwn(CONTROLS, text)
}
