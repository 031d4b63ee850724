/** Seeds that once broke a rule, and what was wrong. They mean the same only while the plan of a seed stays as it is. */
export const REGRESSIONS: readonly { seed: number; was: string }[] = [
  { seed: 155, was: 'a room was taken over on its own node while its remnant was still being laid down' },
  { seed: 187, was: 'one rollback: the last batch hung in Postgres, and the takeover did not wait for the journal' },
  { seed: 203, was: 'Redis wiped while Postgres hung: the orders of the journal were accepted and nowhere' },
  { seed: 299, was: 'a rollback in the middle of a rebuild opened a room that had forgotten orders' },
  { seed: 356, was: 'three rollbacks: a buyer who had an order was told limit_reached' },
  { seed: 375, was: 'handed-over orders came after the stock was gone, and were revoked without a double fault' },
  { seed: 571, was: 'an order that was handed over to a closed drop was revoked' },
  {
    seed: 1020823,
    was: 'a room that had forgotten an operation while it was rebuilt was adopted by another node, and it was done twice',
  },
  { seed: 22952, was: 'a rollback between two loads of a rebuild let limits be passed' },
]
