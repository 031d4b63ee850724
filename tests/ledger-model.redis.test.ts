/**
 * Whatever is asked of both, in whatever order, RedisLedger and MemoryLedger say the same and keep the same.
 *
 * Redis is asked first; the memory ledger is then set to the moment that Redis answered, so that even times must agree.
 * LIVEDROP_MODEL_RUNS sets how many histories are tried.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import type { DropId, OrderId } from '../protocol/ids.ts'
import type { Adjustment, Claim, KeptOrder, Ledger, RoomSeed } from '../rooms/ports.ts'
import { MemoryLeases } from '../storage/leases/memory-leases.ts'
import { RedisLeases } from '../storage/leases/redis-leases.ts'
import { MemoryLedger } from '../storage/ledger/memory-ledger.ts'
import { RedisLedger } from '../storage/ledger/redis-ledger.ts'
import { connectRedis, type RedisConnection } from '../storage/redis.ts'
import { ask, buyer, fenceAt, lines, newDrop, OTHER, OWNER, orderId, seed, wholeLog } from './contracts/ledger-world.ts'
import { uniquePrefix } from './setup/prefix.ts'

const RUNS = Number(process.env.LIVEDROP_MODEL_RUNS ?? 2_000)
const HOUR_MS = 3_600_000
const NAMES = ['ana', 'ben', 'cem']
type Part = 'clear' | 'load' | 'rebuild'
const PARTS: Part[] = ['clear', 'load', 'load', 'rebuild']
const SKUS = ['hat', 'shoe', 'bag']

let redis: RedisConnection
let real: RedisLedger
let realLeases: RedisLeases

beforeAll(async () => {
  redis = await connectRedis(inject('redisUrl'), { name: 'ledger-model' })
  const prefix = uniquePrefix()
  real = new RedisLedger(redis, prefix)
  realLeases = new RedisLeases(redis, prefix)
})
afterAll(() => redis.close())

const EVERY_WORD = [
  ...['accepted', 'duplicate', 'mismatch', 'invalid', 'limit_reached', 'sold_out', 'early', 'paused', 'closed'],
  ...['ok', 'no_room', 'fenced', 'out_of_sequence', 'applied', 'repeated', 'wrong_phase', 'opened', 'no_lease'],
  'fault ledger_corrupt',
]

// --- what may be asked ---------------------------------------------------------------------------------------------------

const someUnits = fc
  .uniqueArray(fc.constantFrom(...SKUS, ...SKUS, ...SKUS, 'ghost'), { minLength: 1, maxLength: 3 })
  .chain((skus) =>
    fc
      .array(fc.integer({ min: 1, max: 3 }), { minLength: skus.length, maxLength: skus.length })
      .map((qtys) => Object.fromEntries(skus.map((sku, at) => [sku, qtys[at] ?? 1]))),
  )
const someone = fc.constantFrom(...NAMES)
const someKey = fc.integer({ min: 0, max: 5 }).map((n) => `k${n}`)
const someClaim: fc.Arbitrary<Claim> = fc
  .tuple(someone, someUnits, someKey)
  .map(([name, units, key]) => ask(name, units, key))
  .chain((claim) =>
    fc.oneof(
      { weight: 5, arbitrary: fc.constant(claim) },
      { weight: 1, arbitrary: fc.constant({ ...claim, promised: true as const }) },
    ),
  )
const someOp = fc.integer({ min: 0, max: 5 }).map((n) => `op-${n}`)
const somePhase = fc.oneof(
  { weight: 8, arbitrary: fc.constant('open' as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('scheduled' as const, 'paused' as const, 'closed' as const, 'cancelled' as const),
  },
)

const someAdjustment: fc.Arbitrary<Adjustment> = fc.oneof(
  fc.record({
    kind: fc.constant('phase' as const),
    from: fc.uniqueArray(somePhase, { maxLength: 4 }),
    to: somePhase,
    early: fc.boolean(),
  }),
  someUnits.map((units) => ({ kind: 'restock' as const, lines: lines(units) })),
  fc.tuple(someone, someUnits, someKey).map(([name, units, key]) => ({
    kind: 'release' as const,
    orderId: orderId(name, key),
    buyer: buyer(name),
    lines: lines(units),
  })),
)

// Far from now on either side, so that no run depends on how long it takes.
const someMoment = fc.constantFrom(1, Date.now() + HOUR_MS)
const someLimit = fc.option(fc.integer({ min: 0, max: 12 }), { nil: null })
const someSeed: fc.Arbitrary<RoomSeed> = fc
  .record({
    stock: fc.record(Object.fromEntries(SKUS.map((sku) => [sku, fc.integer({ min: 0, max: 30 })]))),
    limits: fc.dictionary(fc.constantFrom(...SKUS), fc.integer({ min: 1, max: 4 }), { maxKeys: 2 }),
    limit: someLimit,
    phase: somePhase,
    opensAtMs: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: someMoment }),
    closesAtMs: fc.oneof(
      { weight: 5, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.option(someMoment, { nil: null }) },
    ),
  })
  .map(seed)
const someKept: fc.Arbitrary<KeptOrder> = fc
  .tuple(someClaim, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9 }), fc.boolean())
  .map(([{ orderId, buyer, lines }, epoch, seq, holdsUnits]) => ({
    orderId,
    buyer,
    lines,
    position: { epoch, seq },
    holdsUnits,
  }))

/** How far the caller's idea of epoch and seq is from the truth; mostly it is right. */
const offBy = (weight: number) =>
  fc.oneof({ weight, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) })
const nextEpoch = fc.oneof(
  { weight: 4, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 3) },
)
const someNode = fc.oneof({ weight: 5, arbitrary: fc.constant(OWNER) }, { weight: 1, arbitrary: fc.constant(OTHER) })

const someStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      step: fc.constant('order' as const),
      claims: fc.array(someClaim, { maxLength: 10 }),
      again: fc.boolean(),
      epochOff: offBy(9),
      seqOff: offBy(9),
      batchOff: offBy(9),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      step: fc.constant('adjust' as const),
      opId: someOp,
      adjustment: someAdjustment,
      epochOff: offBy(9),
      seqOff: offBy(9),
      batchOff: offBy(9),
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('adopt' as const), epochOff: nextEpoch, node: someNode }) },
  {
    weight: 1,
    arbitrary: fc.record({
      step: fc.constant('anew' as const),
      epochOff: nextEpoch,
      node: someNode,
      kept: fc.array(someKept, { maxLength: 6 }),
      seed: someSeed,
      opIds: fc.uniqueArray(someOp, { maxLength: 3 }),
      // a node may die between any two of these
      parts: fc.oneof({ weight: 4, arbitrary: fc.constant(PARTS) }, { weight: 1, arbitrary: fc.subarray(PARTS) }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('trim' as const), back: fc.integer({ min: 0, max: 4 }) }) },
)
type Step = typeof someStep extends fc.Arbitrary<infer T> ? T : never

// --- asking both -----------------------------------------------------------------------------------------------------------

class Both {
  readonly drop: DropId = newDrop()
  readonly #clock = { nowMs: 0 }
  readonly #leases = new MemoryLeases(() => 0)
  readonly memory = new MemoryLedger(this.#leases, () => this.#clock.nowMs)
  /** How often each word was said. */
  readonly said: Map<string, number>

  constructor(said: Map<string, number>) {
    this.said = said
  }

  async take(): Promise<void> {
    await Promise.all([realLeases, this.#leases].map((leases) => leases.acquire(this.drop, OWNER, HOUR_MS)))
  }

  /** Redis first: its answer says which moment it was. A fault is an answer too. */
  async ask<T>(call: (ledger: Ledger) => Promise<T>): Promise<T | string> {
    const said = await settle(call(real))
    if (typeof said === 'object' && said !== null && 'nowMs' in said) this.#clock.nowMs = Number(said.nowMs)
    const expected = await settle(call(this.memory))

    expect(said).toEqual(expected)
    for (const word of wordsOf(said)) this.said.set(word, (this.said.get(word) ?? 0) + 1)
    return said
  }

  /** Everything that can be seen from outside. */
  async compare(): Promise<void> {
    const orderIds: OrderId[] = NAMES.flatMap((name) => [0, 1, 2, 3, 4, 5].map((n) => orderId(name, `k${n}`)))
    await this.ask((ledger) => ledger.read(this.drop))
    await this.ask((ledger) => wholeLog(ledger, this.drop))
    await this.ask((ledger) => ledger.positions(this.drop, orderIds))
  }

  async fenceOf(): Promise<{ epoch: number; seq: number; batch: number }> {
    const room = await this.memory.read(this.drop)
    return { epoch: room?.epoch ?? 1, seq: room?.seq ?? 0, batch: room?.batch ?? 0 }
  }

  async run(step: Step): Promise<void> {
    const { epoch, seq, batch } = await this.fenceOf()
    const { drop } = this

    switch (step.step) {
      case 'order': {
        const fence = fenceAt(epoch + step.epochOff, seq + step.seqOff, batch + step.batchOff)
        await this.ask((ledger) => ledger.order(drop, fence, step.claims))
        if (step.again) {
          const then = await this.fenceOf()
          const now = fenceAt(epoch, then.seq, then.batch)
          await this.ask((ledger) => ledger.order(drop, now, step.claims))
        }
        return
      }
      case 'adjust': {
        const fence = fenceAt(epoch + step.epochOff, seq + step.seqOff, batch + step.batchOff)
        await this.ask((ledger) => ledger.adjust(drop, fence, step.opId, step.adjustment))
        return
      }
      case 'adopt':
        await this.ask((ledger) => ledger.adopt(drop, epoch + step.epochOff, step.node))
        return
      case 'anew':
        for (const part of step.parts) {
          const next = epoch + step.epochOff
          if (part === 'clear') await this.ask((ledger) => ledger.clear(drop, next, step.node))
          if (part === 'load') await this.ask((ledger) => ledger.load(drop, next, step.node, step.kept, step.opIds))
          if (part === 'rebuild') {
            await this.ask((ledger) => ledger.rebuild(drop, next, step.node, step.seed))
          }
        }
        return
      case 'trim':
        await this.ask((ledger) => ledger.trim(drop, { epoch, seq: Math.max(0, seq - step.back) }))
    }
  }
}

function wordsOf(said: unknown): string[] {
  if (typeof said === 'string') return [said]
  if (typeof said !== 'object' || said === null || !('answer' in said)) return []
  const results = 'results' in said && Array.isArray(said.results) ? said.results : []
  return [String(said.answer), ...results.map(({ verdict }) => verdict)]
}

async function settle<T>(asked: Promise<T>): Promise<T | string> {
  try {
    return await asked
  } catch (fault) {
    if (fault instanceof Fault) return `fault ${fault.code}`
    throw fault
  }
}

it(`[L19] answers and keeps the same as the ledger in memory, over ${RUNS} histories`, {
  timeout: 600_000,
}, async () => {
  const said = new Map<string, number>()

  await fc.assert(
    fc.asyncProperty(
      someSeed,
      fc.array(someStep, { minLength: 1, maxLength: 25, size: 'max' }),
      async (begin, steps) => {
        const both = new Both(said)
        await both.take()
        await both.ask((ledger) => ledger.rebuild(both.drop, 1, OWNER, begin))
        for (const step of steps) await both.run(step)
        await both.compare()
      },
    ),
    { numRuns: RUNS },
  )

  // A model test that never met a word proves nothing about it.
  console.log(`${RUNS} histories: ${[...said].map(([word, times]) => `${word} ${times}`).join(', ')}`)
  expect([...said.keys()]).toEqual(expect.arrayContaining(EVERY_WORD))
  expect(said.get('accepted')).toBeGreaterThan(RUNS)
})
