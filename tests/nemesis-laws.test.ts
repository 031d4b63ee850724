/** The judge of the nemesis, judged: a good history passes, and for each law there is one that breaks it and nothing else. */
import { describe, expect, it } from 'vitest'
import type { IdempotencyKey, OrderId, Sku, UserId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import type { Position } from '../protocol/position.ts'
import { calmGapsOf } from './nemesis/calm.ts'
import { FAULT_IDS, kindOf } from './nemesis/catalogue.ts'
import { doubleFaults } from './nemesis/double-faults.ts'
import { calmGapOf, costsOf, gapsOf } from './nemesis/gaps.ts'
import type { Attempt, Doing, Done, History, Row } from './nemesis/history.ts'
import { judge } from './nemesis/laws.ts'
import { memoryOf } from './nemesis/memory.ts'
import { planOf } from './nemesis/plan.ts'
import { renderHtml, reportOf } from './nemesis/report.ts'
import { Sightings } from './nemesis/sightings.ts'

const SHOE = 'shoe' as Sku
const at = (epoch: number, seq: number): Position => ({ epoch, seq })

interface Sent extends Partial<Omit<Attempt, 'lines' | 'orderId'>> {
  order: string
  lines?: string
}

function attempt({ order, lines = 'shoe:1', ...rest }: Sent): Attempt {
  return {
    ...{ orderId: order as OrderId, buyer: `buyer-of-${order}` as UserId, key: 'k' as IdempotencyKey },
    ...{ lines: lines as LinesText, via: 0, sentMs: 100, repliedMs: 110, verdict: 'accepted', ...rest },
  }
}

function doing(what: Doing['what'], change: Partial<Doing> = {}): Doing {
  const lines = what === 'restock' ? [{ sku: SHOE, qty: 5 }] : []
  return { what, lines, sentMs: 200, repliedMs: 210, said: 'done', fresh: 1, detail: '', ...change }
}

function row(sent: Attempt, position: Position, acceptedMs = sent.sentMs + 1): Row {
  const { orderId, buyer, key, lines } = sent
  return { orderId, buyer, key, lines, state: 'confirmed', position, acceptedMs }
}

const FIRST = attempt({ order: 'a', sentMs: 100, repliedMs: 110, position: at(1, 1) })
const SECOND = attempt({ order: 'b', sentMs: 120, repliedMs: 130, position: at(1, 2) })
const THIRD = attempt({ order: 'c', sentMs: 140, repliedMs: 150, position: at(2, 1) })

function history(change: Partial<History> = {}): History {
  const attempts = change.attempts ?? [FIRST, SECOND, THIRD]
  const rows = [row(FIRST, at(1, 1)), row(SECOND, at(1, 2)), row(THIRD, at(2, 1))]
  return {
    ...{ items: [{ sku: SHOE, total: 10 }], limitPerBuyer: undefined, opensAtMs: 50, told: [], faults: [] },
    ...{ returns: [], doings: [], stock: undefined, rows, ...change, attempts },
  }
}

/** The rows of the good history, with one order that is cancelled. */
const cancelled = (order: string): Row[] =>
  history().rows.map((one) => (one.orderId === order ? { ...one, state: 'cancelled' } : one))
const paused = (fromMs: number, toMs: number): Doing[] => [
  doing('pause', { sentMs: fromMs - 1, repliedMs: fromMs }),
  doing('resume', { sentMs: toMs, repliedMs: toMs + 1 }),
]

const brokenBy = (change: Partial<History>) => judge(history(change), []).broken

describe('the laws of a history', () => {
  it('[EE1] pass a history in which everything was right', () => {
    const told = [{ orderId: FIRST.orderId, what: 'confirmed', atMs: 115 } as const]
    const again = attempt({ order: 'a', sentMs: 300, repliedMs: 310, verdict: 'duplicate', position: at(1, 1) })
    const pending = attempt({ order: 'd', verdict: 'pending' })
    const silent = attempt({ order: 'd', verdict: 'silence', repliedMs: Number.POSITIVE_INFINITY })

    expect(judge(history({ told, attempts: [FIRST, SECOND, THIRD, again, pending, silent] }), [])).toEqual({
      ...{ broken: [], lost: [], revoked: [], excused: [] },
    })
  })

  it.each<[string, string, Partial<History>]>([
    ['I6', 'told confirmed and not in Postgres', { told: [{ orderId: 'x' as OrderId, what: 'confirmed', atMs: 1 }] }],
    ['I7', 'accepted and nowhere', { rows: [row(FIRST, at(1, 1)), row(SECOND, at(1, 2))] }],
    [
      'I7',
      'accepted and revoked',
      { rows: [row(FIRST, at(1, 1)), row(SECOND, at(1, 2)), { ...row(THIRD, at(2, 1)), state: 'revoked' }] },
    ],
    [
      'I5',
      'a row that nobody ordered',
      { attempts: [FIRST, SECOND, THIRD], rows: [...history().rows, row(attempt({ order: 'z' }), at(2, 2), 160)] },
    ],
    [
      'I5',
      'a row with other lines',
      { rows: [{ ...row(FIRST, at(1, 1)), lines: 'shoe:2' as LinesText }, ...history().rows.slice(1)] },
    ],
    ['I5', 'the same row twice', { rows: [...history().rows, row(THIRD, at(2, 1))] }],
    [
      'I5',
      'accepted twice',
      { attempts: [FIRST, SECOND, THIRD, attempt({ order: 'a', sentMs: 200, repliedMs: 210, position: at(2, 2) })] },
    ],
    [
      'I5',
      'a duplicate with other lines',
      { attempts: [FIRST, SECOND, THIRD, attempt({ order: 'a', lines: 'shoe:2', sentMs: 200, verdict: 'duplicate' })] },
    ],
    [
      'I5',
      'a mismatch with itself',
      { attempts: [FIRST, SECOND, THIRD, attempt({ order: 'a', sentMs: 105, repliedMs: 106, verdict: 'mismatch' })] },
    ],
    [
      'I16',
      'refused after it was accepted',
      {
        items: [{ sku: SHOE, total: 3 }],
        attempts: [FIRST, SECOND, THIRD, attempt({ order: 'a', sentMs: 111, repliedMs: 145, verdict: 'sold_out' })],
      },
    ],
    ['I16', 'told invalid', { attempts: [FIRST, SECOND, THIRD, attempt({ order: 'd', verdict: 'invalid' })] }],
    [
      'I12',
      'answered before another was sent, and placed behind it',
      {
        attempts: [{ ...FIRST, position: at(1, 2) }, { ...SECOND, position: at(1, 1) }, THIRD],
      },
    ],
    ['I12', 'two at one position', { attempts: [FIRST, { ...SECOND, position: at(1, 1) }, THIRD] }],
    [
      'I12',
      'told sold_out with enough left',
      {
        attempts: [FIRST, SECOND, THIRD, attempt({ order: 'd', lines: 'shoe:7', verdict: 'sold_out', repliedMs: 160 })],
      },
    ],
    [
      'I12',
      'told sold_out because of orders that came later',
      {
        items: [{ sku: SHOE, total: 3 }],
        attempts: [FIRST, SECOND, THIRD, attempt({ order: 'd', sentMs: 100, repliedMs: 135, verdict: 'sold_out' })],
      },
    ],
    [
      'I12',
      'told limit_reached below the limit',
      {
        limitPerBuyer: 3,
        attempts: [FIRST, SECOND, THIRD, attempt({ order: 'd', lines: 'shoe:3', verdict: 'limit_reached' })],
      },
    ],
    [
      'I8',
      'an entry of the old epoch after the first of the new one',
      { rows: [row(FIRST, at(1, 1)), row(SECOND, at(1, 2), 149), row(THIRD, at(2, 1), 141)] },
    ],
    [
      'I15',
      'given back, and it stands',
      { returns: [attempt({ order: 'a', sentMs: 200, repliedMs: 210, verdict: 'duplicate' })] },
    ],
    [
      'I15',
      'given back twice',
      {
        rows: cancelled('a'),
        returns: [200, 220].map((sentMs) => attempt({ order: 'a', sentMs, repliedMs: sentMs + 10 })),
      },
    ],
    ['I15', 'told cancelled, and it stands', { told: [{ orderId: FIRST.orderId, what: 'cancelled', atMs: 1 }] }],
    ['I15', 'cancelled, and nobody asked', { rows: cancelled('a') }],
    ['I15', 'a restock that was done twice', { doings: [doing('restock', { fresh: 2 })] }],
    ['I15', 'a restock that was refused', { doings: [doing('restock', { said: 'refused' })] }],
    [
      'I15',
      'a restock that went into the total twice',
      { doings: [doing('restock')], stock: { phase: 'open', items: [{ sku: SHOE, total: 20, left: 17 }] } },
    ],
    ['I3', 'units that are nowhere', { stock: { phase: 'open', items: [{ sku: SHOE, total: 10, left: 6 }] } }],
    [
      'I3',
      'units of a cancelled order that did not come back',
      {
        rows: cancelled('a'),
        returns: [attempt({ order: 'a', sentMs: 200, repliedMs: 210 })],
        stock: { phase: 'open', items: [{ sku: SHOE, total: 10, left: 7 }] },
      },
    ],
    ['I1', 'handed out before it came in', { items: [{ sku: SHOE, total: 2 }], doings: [doing('restock')] }],
    [
      'I16',
      'unknown when it was given back',
      { returns: [attempt({ order: 'a', sentMs: 200, repliedMs: 210, verdict: 'invalid' })] },
    ],
    [
      'I12',
      'told sold_out after a restock',
      {
        doings: [doing('restock', { sentMs: 151, repliedMs: 155 })],
        attempts: [
          ...[FIRST, SECOND, THIRD],
          attempt({ order: 'd', lines: 'shoe:9', sentMs: 160, repliedMs: 170, verdict: 'sold_out' }),
        ],
      },
    ],
    ['I13', 'accepted in a pause', { doings: paused(112, 200) }],
    [
      'I13',
      'told paused when it was not',
      { attempts: [FIRST, SECOND, THIRD, attempt({ order: 'd', verdict: 'paused' })] },
    ],
    ['I13', 'accepted after the end', { doings: [doing('close', { sentMs: 112, repliedMs: 115 })] }],
    [
      'I13',
      'told closed before anybody closed it',
      {
        doings: [doing('close')],
        attempts: [FIRST, SECOND, THIRD, attempt({ order: 'd', sentMs: 160, repliedMs: 170, verdict: 'closed' })],
      },
    ],
    [
      'I13',
      'left open, and paused in the end',
      { doings: paused(200, 240), stock: { phase: 'paused', items: [{ sku: SHOE, total: 10, left: 7 }] } },
    ],
    ['I13', 'accepted before the opening', { opensAtMs: 110, rows: history().rows }],
    [
      'I13',
      'told early after the opening',
      { attempts: [FIRST, SECOND, THIRD, attempt({ order: 'd', sentMs: 200, verdict: 'early' })] },
    ],
  ])('[EE1] %s breaks on: %s', (law, _what, change) => {
    const broken = brokenBy(change)

    expect(broken.length).toBeGreaterThan(0)
    expect(broken.map((rule) => rule.slice(0, rule.indexOf(' ')))).toEqual(broken.map(() => law))
  })

  it('[EE1] pass what is given back, restocked, paused and closed', () => {
    const back = attempt({ order: 'a', sentMs: 160, repliedMs: 170 })
    const again = attempt({ order: 'a', sentMs: 171, repliedMs: 175, verdict: 'duplicate' })
    const late = attempt({ order: 'c', sentMs: 400, repliedMs: 410, verdict: 'closed' })
    const doings = [
      ...paused(200, 240),
      doing('restock', { sentMs: 120, repliedMs: 300, fresh: 0 }),
      doing('close', { sentMs: 300, repliedMs: 310 }),
      doing('restock', { sentMs: 305, repliedMs: 320, said: 'refused' }),
    ]
    const attempts = [
      ...[FIRST, SECOND, THIRD],
      attempt({ order: 'd', sentMs: 205, repliedMs: 206, verdict: 'paused' }),
      attempt({ order: 'e', sentMs: 305, repliedMs: 311, verdict: 'closed' }),
    ]
    const stock: History['stock'] = { phase: 'closed', items: [{ sku: SHOE, total: 15, left: 13 }] }
    const change = { rows: cancelled('a'), returns: [back, again, late], doings, attempts, stock }

    expect(brokenBy(change)).toEqual([])
    expect(brokenBy({ ...change, doings: doings.slice(0, 3), stock: { ...stock, phase: 'open' } })).toHaveLength(2)
  })

  it('[EE2] no double fault excuses a sale in a pause', () => {
    expect(judge(history({ doings: paused(112, 200) }), [{ fromMs: 100, toMs: 115 }]).broken).not.toEqual([])
  })

  it('[EE1] a true sold_out and a true limit_reached pass', () => {
    const soldOut = attempt({ order: 'd', sentMs: 150, repliedMs: 160, verdict: 'sold_out' })
    const limited: Attempt = {
      ...attempt({ order: 'e', lines: 'shoe:3', sentMs: 160, verdict: 'limit_reached' }),
      buyer: FIRST.buyer,
    }

    expect(brokenBy({ items: [{ sku: SHOE, total: 3 }], attempts: [FIRST, SECOND, THIRD, soldOut] })).toEqual([])
    expect(brokenBy({ limitPerBuyer: 3, attempts: [FIRST, SECOND, THIRD, limited] })).toEqual([])
  })
})

describe('what a double fault excuses', () => {
  const done = (id: Done['id'], atMs: number, undoneMs = atMs): Done => ({
    id,
    atMs,
    undoneMs,
    to: 'the owner',
    drop: 0,
  })
  const rows = [row(FIRST, at(1, 1)), row(SECOND, at(1, 2))]

  it('[EE2] is an order that was accepted shortly before both had happened, and no other', () => {
    const near = doubleFaults([done('F7', 400), done('F1', 300)])
    const long = doubleFaults([done('F7', 9_400), done('F1', 9_300)])

    expect(judge(history({ rows }), near)).toMatchObject({ broken: [], lost: ['c'], excused: ['c'] })
    expect(judge(history({ rows }), long)).toMatchObject({ lost: ['c'], excused: [] })
    expect(judge(history({ rows }), long).broken).toHaveLength(1)
  })

  it('[EE2] needs both of them, and near each other', () => {
    expect(doubleFaults([done('F7', 400), done('F8', 500), done('F17', 600)])).toEqual([])
    expect(doubleFaults([done('F1', 400), done('F4', 500), done('F18', 600)])).toEqual([])
    expect(doubleFaults([done('F1', 400), done('F7', 9_000)])).toEqual([])
    expect(doubleFaults([done('F2', 400, 6_000), done('F7', 9_000)])).toHaveLength(1)
  })

  it('[EE2] never excuses what was told confirmed', () => {
    const told = [{ orderId: THIRD.orderId, what: 'confirmed', atMs: 160 } as const]
    const excuses = doubleFaults([done('F7', 400), done('F1', 300)])

    expect(judge(history({ rows, told }), excuses).broken).toEqual(['I6 c was told confirmed and is nowhere'])
  })
})

describe('what a fault cost', () => {
  const acceptedMs = [1_000, 1_010, 1_020, 1_900, 1_910, 1_920, 4_000]
  const accepted = acceptedMs.map((atMs) => ({ atMs, via: 0, epoch: 1 }))
  const blow: Done = { id: 'F1', atMs: 1_015, undoneMs: 1_015, to: 'the owner', drop: 0 }

  it('[EE3] is the longest time without an accepted order from the blow on', () => {
    expect(gapsOf(acceptedMs, 1_000, 2_000)[0]).toEqual({ fromMs: 1_020, toMs: 1_900 })
    expect(costsOf(accepted, [blow], 1_950)).toMatchObject([{ gapMs: 880, resumeMs: 5, shared: false }])
  })

  it('[EE3] says whether the drop had a new owner', () => {
    const anew = accepted.map((one) => ({ ...one, epoch: one.atMs < 1_900 ? 1 : 2 }))

    expect(costsOf(accepted, [blow], 1_950)).toMatchObject([{ moved: false }])
    expect(costsOf(anew, [blow], 1_950)).toMatchObject([{ moved: true }])
    expect(costsOf(anew, [blow], 1_800)).toMatchObject([{ moved: false }])
  })

  it('[EE3] is nobody`s alone when another fault was near', () => {
    const other: Done = { id: 'F17', atMs: 1_500, undoneMs: 1_500, to: 'Postgres', drop: 0 }

    expect(costsOf(accepted, [blow, other], 1_950)).toMatchObject([{ shared: true }, { shared: true, resumeMs: 400 }])
  })

  it('[EE3] is nobody`s alone when the creator keeps the drop closed', () => {
    expect(costsOf(accepted, [blow], 1_950, [{ fromMs: 1_800, toMs: 1_850 }])).toMatchObject([{ shared: true }])
    expect(costsOf(accepted, [blow], 1_950, [{ fromMs: 6_000, toMs: 7_000 }])).toMatchObject([{ shared: false }])
  })

  it('[EE3] is held against the longest time far from every fault', () => {
    const early = [100, 200, 900].map((atMs) => ({ atMs, via: 0, epoch: 1 }))

    expect(calmGapOf([...early, ...accepted], [blow], 5_000)).toBe(1_485)
    expect(calmGapOf(accepted, [blow], 2_600)).toBeUndefined()
  })

  it('[EE3] is held against blows that nobody dealt, in windows of its own length', () => {
    const calm = { accepted: [0, 40, 60, 200, 4_000, 4_030].map((atMs) => ({ atMs, via: 0, epoch: 1 })), endMs: 4_100 }

    // From 0 to 3500, from 100 to 3600 and so on: seven of them, until 4100.
    expect(calmGapsOf(calm, blow)).toEqual([3_300, 3_400, 3_500, 3_500, 3_500, 3_500, 3_400])
    expect(calmGapsOf(calm, { ...blow, undoneMs: blow.atMs + 500 })).toEqual([3_800, 3_800])
    expect(calmGapsOf(calm, { ...blow, undoneMs: blow.atMs + 1_000 })).toEqual([])
  })

  it('[EE3] without NATS is that of the gateway which had the worst of it', () => {
    const both = [...accepted, ...[1_005, 1_930].map((atMs) => ({ atMs, via: 1, epoch: 1 }))].sort(
      (a, b) => a.atMs - b.atMs,
    )

    expect(costsOf(both, [{ ...blow, id: 'F23' }], 1_950)).toMatchObject([{ gapMs: 915 }])
    expect(costsOf(both, [blow], 1_950)).toMatchObject([{ gapMs: 880 }])
  })

  it('[EE3] is said in one page that needs nothing else', () => {
    const html = renderHtml(reportOf('npm run nemesis -- --fault <b>', undefined, [], []))

    expect(html).not.toMatch(/<script|src=|href=|@import|url\(/)
    expect(html).toContain('&lt;b&gt;')
  })
})

describe('a plan', () => {
  const options = { seconds: 10, buyers: 50, ordersPerSecond: 100 }
  const plans = Array.from({ length: 60 }, (_, seed) => planOf(seed, options))

  it('[EE4] is the same for the same seed, and another for another', () => {
    expect(planOf(7, options)).toEqual(planOf(7, options))
    expect(planOf(8, options)).not.toEqual(planOf(7, options))
  })

  it('[EE4] has a fault every 0.3 to 1 s, of every kind over the seeds', () => {
    const faults = plans.flatMap((plan) => plan.faults)

    expect(new Set(faults.map(({ id }) => id))).toEqual(new Set(FAULT_IDS))
    expect(faults.length / plans.length).toBeGreaterThan(9)
  })

  it('[EE4] holds no double fault but where everything is allowed', () => {
    const taken = (form: string) =>
      new Set(
        plans.filter((plan) => plan.form === form).flatMap((plan) => plan.faults.map(({ id }) => kindOf(id).takes)),
      )

    expect(taken('redis forgets')).toEqual(new Set(['ledger', 'nothing']))
    expect(taken('owners fail')).toEqual(new Set(['journal', 'nothing']))
    expect(taken('everything')).toEqual(new Set(['ledger', 'journal', 'nothing']))
  })

  it('[EE4] has two drops, one that sells out and one that has plenty, whose creator and buyers change their minds', () => {
    for (const { drops, wants } of plans) {
      const wanted = [0, 1].map((drop) =>
        wants
          .filter((want) => want.drop === drop)
          .flatMap(({ lines }) => lines)
          .reduce((sum, { qty }) => sum + qty, 0),
      )
      const units = drops.map(({ items }) => items.reduce((sum, { total }) => sum + total, 0))

      expect(units[0]).toBeLessThan(wanted[0] ?? 0)
      expect(units[1]).toBeGreaterThan((wanted[1] ?? 0) * 1.5)
      expect(drops.every(({ doings }) => doings.some(({ what }) => what === 'restock'))).toBe(true)
      expect(drops.every(({ doings }) => doings.some(({ what }) => what === 'pause'))).toBe(true)
      expect(wants.some(({ besides }) => besides === 'return')).toBe(true)
    }
    expect(plans.some(({ drops }) => drops.some(({ doings }) => doings.some(({ what }) => what === 'close')))).toBe(
      true,
    )
  })

  it('[EE4] with one kind leaves each fault time to pass', () => {
    const { faults } = planOf(1, { ...options, only: ['F1'] })
    const apart = faults.slice(1).map(({ atMs }, n) => atMs - (faults[n]?.atMs ?? 0))

    expect(faults.length).toBeGreaterThan(1)
    expect(Math.min(...apart)).toBeGreaterThan(3_500)
  })
})

describe('what a watcher is shown', () => {
  const items = [{ sku: SHOE, left: 5 }]

  it('[EE5] may come again and go on, and be anything after a cut', () => {
    const seen = new Sightings()
    seen.snapshot(at(1, 4), items)
    seen.news({ position: at(1, 4), from: at(1, 4), changes: [{ kind: 'viewers', viewers: 2 }] })
    seen.news({ position: at(1, 6), from: at(1, 3), changes: [{ kind: 'left', sku: SHOE, left: 3 }] })
    seen.cut()
    seen.snapshot(at(1, 5), items)

    expect(seen.broken).toEqual([])
    expect(seen.left(SHOE)).toBe(5)
  })

  it('[EE5] never goes back, misses nothing, comes once, and begins with a snapshot', () => {
    const left = [{ kind: 'left' as const, sku: SHOE, left: 3 }]
    const shown = (...news: Parameters<Sightings['news']>[0][]) => {
      const seen = new Sightings()
      seen.snapshot(at(2, 1), items)
      for (const one of news) seen.news(one)
      return seen.broken
    }
    const bare = new Sightings()
    bare.news({ position: at(0, 0), changes: [] })

    expect(shown({ position: at(1, 9), changes: left })).toEqual(['I17 news at 1-9 after 2-1'])
    expect(shown({ position: at(2, 4), from: at(2, 3), changes: left })).toEqual([
      'I17 news that begin at 2-3 after 2-1',
    ])
    expect(shown(...Array(2).fill({ position: at(2, 2), from: at(2, 1), changes: left }))).toEqual([
      'I17 news at 2-2 after 2-2',
    ])
    expect(bare.broken).toEqual(['I17 news at 0-0 before a snapshot'])
  })
})

describe('the memory of a node', () => {
  const over = (minutes: number, mbAt: (minute: number) => number) =>
    Array.from({ length: minutes * 6 + 1 }, (_, at) => ({ atMs: at * 10_000, mb: mbAt(at / 6) }))

  it('[EE9] that grows for good has a slope, and one that found its size has none', () => {
    expect(memoryOf(over(20, (minute) => 100 + 2 * minute)).mbPerMinute).toBeCloseTo(2)
    expect(memoryOf(over(20, (minute) => 100 + 30 * Math.min(5, minute))).mbPerMinute).toBeCloseTo(0)
  })

  it('[EE9] that was not looked at for long enough is not judged', () => {
    expect(memoryOf(over(14, (minute) => 100 * minute))).toMatchObject({ mbPerMinute: undefined, mostMb: 1_400 })
  })
})
