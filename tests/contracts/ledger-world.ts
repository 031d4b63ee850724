/**
 * What the ledger's tests need around a ledger: a drop that is open, an owner who keeps count of the fence, and claims
 * that are short to write.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { DropId, IdempotencyKey, NodeId, OrderId, Sku, UserId } from '../../protocol/ids.ts'
import { formatLines, type LinesText } from '../../protocol/lines.ts'
import type {
  AdjustAnswer,
  Adjustment,
  BatchAnswer,
  Claim,
  Fence,
  Leases,
  Ledger,
  RoomSeed,
} from '../../rooms/ports.ts'

export interface LedgerWorld {
  ledger: Ledger
  leases: Leases
  /** The ledger's own clock. */
  nowMs(): Promise<number>
}

export const OWNER = 'node-a-1' as NodeId
export const OTHER = 'node-b-1' as NodeId
const HOUR_MS = 3_600_000

export const newDrop = () => randomUUID() as DropId

/** A buyer by name: always the same user for the same name. */
export function buyer(name: string): UserId {
  const hex = createHash('sha256').update(name).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}` as UserId
}

/** `{ shoe: 2, hat: 1 }` */
export type Units = Record<string, number>

export function lines(units: Units): LinesText {
  return formatLines(Object.entries(units).map(([sku, qty]) => ({ sku: sku as Sku, qty })))
}

/** `ask('ana', { shoe: 2 })`; another `key` is another order. */
export function ask(name: string, units: Units = { shoe: 1 }, key = 'k1'): Claim {
  return { orderId: orderId(name, key), buyer: buyer(name), key: key as IdempotencyKey, lines: lines(units) }
}

export function orderId(name: string, key = 'k1'): OrderId {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  const bytes = createHash('sha256').update(`${name}|${key}`).digest()
  return Array.from(bytes.subarray(0, 26), (byte) => letters[byte % 32]).join('') as OrderId
}

export interface SeedOptions {
  stock?: Units
  /** Per SKU and buyer. */
  limits?: Units
  /** Per buyer over all SKUs. */
  limit?: number | null
  phase?: RoomSeed['phase']
  opensAtMs?: number
  closesAtMs?: number | null
}

export function seed({ stock = { shoe: 3 }, limits = {}, limit = null, ...rest }: SeedOptions = {}): RoomSeed {
  const items = Object.entries(stock).map(([sku, left]) => ({ sku: sku as Sku, left, limit: limits[sku] ?? null }))
  return { phase: 'open', opensAtMs: 1, closesAtMs: null, limitPerBuyer: limit, items, ...rest }
}

/** What an owner of this epoch says at its first call, or one who believes that this is where the drop is. */
export function fenceAt(epoch: number, prevSeq = 0, prevBatch = 0): Fence {
  return { epoch, prevSeq, prevBatch, batch: prevBatch + 1 }
}

/** The owner of a drop: knows its epoch, the last seq and its last call that wrote, as a room does. */
export class DropOwner {
  readonly drop: DropId
  readonly #ledger: Ledger
  epoch = 1
  seq = 0
  batch = 0

  constructor(ledger: Ledger, drop: DropId) {
    this.#ledger = ledger
    this.drop = drop
  }

  get fence(): Fence {
    return fenceAt(this.epoch, this.seq, this.batch)
  }

  async order(...claims: Claim[]): Promise<Extract<BatchAnswer, { answer: 'ok' }>> {
    const { fence } = this
    const answer = await this.#ledger.order(this.drop, fence, claims)
    if (answer.answer !== 'ok') throw new Error(`the ledger refused its owner: ${JSON.stringify(answer)}`)
    if (answer.seq > this.seq) this.batch = fence.batch
    this.seq = answer.seq
    return answer
  }

  /** Only the words. */
  async verdicts(...claims: Claim[]): Promise<string[]> {
    return (await this.order(...claims)).results.map(({ verdict }) => verdict)
  }

  async adjust(opId: string, adjustment: Adjustment): Promise<AdjustAnswer> {
    const { fence } = this
    const answer = await this.#ledger.adjust(this.drop, fence, opId, adjustment)
    if (answer.answer === 'applied') Object.assign(this, { seq: answer.position.seq, batch: fence.batch })
    return answer
  }

  async left(): Promise<Units> {
    const room = await this.#ledger.read(this.drop)
    return Object.fromEntries((room?.items ?? []).map(({ sku, left }) => [sku, left]))
  }
}

/** A drop that sells, at epoch 1, with OWNER holding the lease. */
export async function openDrop({ ledger, leases }: LedgerWorld, options: SeedOptions = {}): Promise<DropOwner> {
  const owner = new DropOwner(ledger, newDrop())
  await leases.acquire(owner.drop, OWNER, HOUR_MS)
  const opened = await ledger.rebuild(owner.drop, owner.epoch, OWNER, seed(options))
  if (opened.answer !== 'opened') throw new Error(`could not open: ${opened.answer}`)
  return owner
}

/** Everything the log says. */
export async function wholeLog(ledger: Ledger, drop: DropId) {
  return ledger.entries(drop, { epoch: 0, seq: 0 }, 100_000)
}
