/** The ledger's scripts, read from lua/ when a ledger is built. Each file begins with its contract. */
import { readScript } from '../redis.ts'

export type LedgerScripts = ReturnType<typeof readLedgerScripts>

export function readLedgerScripts() {
  const script = (name: string) => readScript(new URL(`./lua/${name}.lua`, import.meta.url))
  return {
    orderBatch: script('order_batch'),
    roomAdjust: script('room_adjust'),
    roomAdopt: script('room_adopt'),
    roomClear: script('room_clear'),
    roomCopy: script('room_copy'),
    roomLoad: script('room_load'),
    roomRebuild: script('room_rebuild'),
  }
}
