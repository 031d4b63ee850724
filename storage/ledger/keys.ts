/**
 * The only place that builds the ledger's Redis keys.
 *
 * All keys of a drop share the hash tag `{drop}`, so that they live on one slot of a Redis Cluster and one script may
 * touch them together. The tag is why the drop id is checked here again, whoever checked it before: an id with a brace
 * in it would put two halves of one drop on two slots, or reach into another drop.
 */
import { Fault } from '../../protocol/faults.ts'
import { type DropId, isDropId } from '../../protocol/ids.ts'

export interface DropKeys {
  /** hash: epoch, seq, phase, opensAt, closesAt, limit, owner, and per SKU left:<sku>, limit:<sku> */
  room: string
  /** hash: order id -> epoch-seq|lines */
  answers: string
  /** hash: buyer -> units, buyer|sku -> units of that SKU */
  buyers: string
  /** hash: op id -> epoch-seq, released|order id -> epoch-seq */
  ops: string
  /** stream: entries under their position */
  log: string
  /** list: what somebody remembers of it, set down when the room was gone or behind */
  copy: string
  /** list: a copy that is not whole yet */
  copying: string
  /** string: the node that may try to run the room */
  lease: string
}

const PREFIX = /^[a-z0-9][a-z0-9:-]{0,31}$/

/** Answers a function from drop to keys. `prefix` sets installations (and tests) on one Redis apart. */
export function keysUnder(prefix: string): (drop: DropId) => DropKeys {
  if (!PREFIX.test(prefix)) throw new Fault('misconfigured', { keyPrefix: prefix })

  return (drop) => {
    if (!isDropId(drop)) throw new Fault('bad_request', { what: 'drop id' })

    const tagged = `${prefix}:{${drop}}:`
    return {
      room: `${tagged}room`,
      answers: `${tagged}answers`,
      buyers: `${tagged}buyers`,
      ops: `${tagged}ops`,
      log: `${tagged}log`,
      copy: `${tagged}copy`,
      copying: `${tagged}copying`,
      lease: `${tagged}lease`,
    }
  }
}
