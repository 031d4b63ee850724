/**
 * Phones that hardly read, among phones that do: what they cost those and the node, and whether they lose anything.
 *
 *   npm run livedrop -- bench slow-readers [--fast 200] [--slow 20] [--stalled 4] [--orders 100] [--rounds 4] [--seconds 8]
 *     [--over native|socketio] [--json] [--out file]
 *
 * Everybody watches one drop and orders from it, 16 of its 64 SKUs at a time, so that its news is tens of kilobytes a
 * second for each. Rounds alternate: in one the network of the slow ones is a good one, in the next it lets a
 * kilobyte a second through to the slow and nothing to the stalled. So the same sockets do the same in both, and the
 * difference is the slow reading alone. `--over` is how the slow ones come. At the end the weather is good, and everything
 * must have come to everybody. It all happens in a network of its own where one can be made (own-network.ts). Exit code
 * 0: every bar met.
 */
import { parseArgs } from 'node:util'
import { call } from '../cli/rest.ts'
import { AnnouncedGaps } from './announced-gaps.ts'
import { Buyers } from './buyers.ts'
import { type Ground, openGround } from './ground.ts'
import { type Memory, NodeProbe } from './node-probe.ts'
import { enterOwnNetwork } from './own-network.ts'
import { GOOD, type Link } from './phone-network.ts'
import { number, report } from './report.ts'
import { type Over, SlowPhones } from './slow-phones.ts'
import { ms, type Row, whole } from './table.ts'

/** Long names, for more news. */
const SKUS = Array.from({ length: 64 }, (_, n) => `a-sneaker-of-this-drop-in-a-colour-and-a-size-${n}`)
const LINES = 16
const STOCK = 1_000_000
/** Fast ones with the client of apps, to see what they are shown; the others only order. */
const ATTENTIVE = 8
const DRIPPING: Link = { ...GOOD, bytesPerSecond: 1_024 }
const STALLED: Link = { ...GOOD, bytesPerSecond: 0 }
const SLOW_ORDER_EVERY_MS = 2_000
const RATIO_MAX = 1.1
/** What one may leave unread in the node (server/transports/native.ts), with a frame on top. */
const UNREAD_BYTES_MAX = 72 * 1024
/** The process breathes by so much between two rounds of the same. */
const BREATH_BYTES = 16 * 1024 * 1024
const ALL_WITHIN_MS = 60_000

interface Round {
  slow: boolean
  p50Ms: number
  p99Ms: number
  accepted: number
  memory: Memory
}

interface Result {
  rounds: Round[]
  ordered: Record<'fast' | 'slow', number>
  confirmed: Record<'fast' | 'slow', number>
  ended: number
  announced: number
  unannounced: number
  /** Watchers who see exactly what is left. */
  right: number
  watchers: number
}

const { values: said } = parseArgs({
  options: {
    fast: { type: 'string', default: '200' },
    slow: { type: 'string', default: '20' },
    stalled: { type: 'string', default: '4' },
    orders: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '8' },
    over: { type: 'string', default: 'native' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const [fast, slow, stalled] = [number(said.fast), number(said.slow), number(said.stalled)]
const [orders, pairs, seconds] = [number(said.orders), number(said.rounds), number(said.seconds)]
const over: Over = said.over === 'socketio' ? 'socketio' : 'native'

const isOwnNetwork = await enterOwnNetwork()
const probed = await NodeProbe.option()
const ground = await openGround({
  nodes: 1,
  env: { NODE_OPTIONS: probed.flag },
  onStep: said.json ? () => undefined : (line) => console.log(line),
  onLog: (line) => line.includes('"level":') && console.error(line),
})
const probe = await NodeProbe.into(probed.port)
let result: Result
try {
  result = await measure(ground, probe)
} finally {
  probe.close()
  await ground.close()
}
report(
  `slow readers: ${fast} fast, ${slow} at 1 KB/s and ${stalled} stalled over ${over}, ${pairs} rounds of ${seconds} s each way`,
  rowsOf(result),
  { fast, slow, stalled, orders, seconds, over, isOwnNetwork, ...result },
  { json: said.json, out: said.out },
)

async function measure(on: Ground, probe: NodeProbe): Promise<Result> {
  const [url = ''] = on.socketUrls
  const drop = await on.creator.openDrop(SKUS, STOCK)
  const left = new Map(SKUS.map((sku) => [sku, STOCK]))
  const linesOf = () => {
    const first = Math.floor(Math.random() * SKUS.length)
    const skus = Array.from({ length: LINES }, (_, n) => SKUS[(first + n) % SKUS.length] ?? '')
    for (const sku of skus) left.set(sku, (left.get(sku) ?? 0) - 1)
    return skus.map((sku) => ({ sku, qty: 1 }))
  }
  const gaps = new AnnouncedGaps()
  const phones = async (count: number, how: Over) =>
    SlowPhones.start({ url, over: how, drop, tokens: await on.fanTokens(count), gaps })
  const [dripping, stalling, attentive] = [
    await phones(slow, over),
    await phones(stalled, over),
    await phones(ATTENTIVE, 'native'),
  ]
  const everyone = [dripping, stalling, attentive]
  const buyers = new Buyers({ url, drop, tokens: await on.fanTokens(fast), linesOf })
  const ordering = setInterval(() => {
    for (const some of everyone) some.order(linesOf)
  }, SLOW_ORDER_EVERY_MS)
  try {
    // Compilers and buffers are warm before anything counts.
    await buyers.order(orders, seconds * 1_000)
    const rounds: Round[] = []
    for (let n = 0; n < pairs * 2; n += 1) {
      const isSlow = n % 2 === 1
      dripping.turn(isSlow ? DRIPPING : GOOD)
      stalling.turn(isSlow ? STALLED : GOOD)
      buyers.forget()
      await buyers.order(orders, seconds * 1_000)
      const { accepted, receiptP50Ms, receiptP99Ms } = buyers.figures()
      rounds.push({ slow: isSlow, p50Ms: receiptP50Ms, p99Ms: receiptP99Ms, accepted, memory: await probe.memory() })
      if (!said.json) console.log(`${isSlow ? 'slow' : 'good'}  p99 ${ms(receiptP99Ms)}`)
    }
    clearInterval(ordering)
    for (const some of everyone) some.turn(GOOD)
    const slowOnes = () => everyone.reduce((sum, some) => sum + some.open, 0)
    await within(() => slowOnes() === 0 && buyers.outcomes.confirmed === buyers.outcomes.ordered)

    const truth = await leftOf(on, drop)
    const isRight = (seen: ReadonlyMap<string, number> | undefined) =>
      seen !== undefined && SKUS.every((sku) => seen.get(sku) === left.get(sku))
    const seen = () => [truth, ...everyone.flatMap((some) => some.left())]
    await within(() => seen().every(isRight))
    return {
      rounds,
      ordered: { fast: buyers.outcomes.ordered, slow: everyone.reduce((sum, some) => sum + some.ordered, 0) },
      confirmed: { fast: buyers.outcomes.confirmed, slow: everyone.reduce((sum, some) => sum + some.confirmed, 0) },
      ended: dripping.ended + stalling.ended,
      announced: gaps.announced,
      unannounced: gaps.unannounced,
      right: seen().filter(isRight).length,
      watchers: seen().length,
    }
  } finally {
    clearInterval(ordering)
    buyers.close()
    for (const some of everyone) await some.close()
  }
}

async function leftOf({ urls, creatorToken }: Ground, drop: string): Promise<Map<string, number>> {
  const answer = await call({ url: urls[0] ?? '', token: creatorToken }, 'GET', `/v1/drops/${drop}`)
  const { items } = answer as { items: { sku: string; left: number }[] }
  return new Map(items.map(({ sku, left }) => [sku, left]))
}

async function within(isSo: () => boolean): Promise<void> {
  const untilMs = performance.now() + ALL_WITHIN_MS
  while (!isSo() && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 50))
}

function rowsOf({ rounds, ordered, confirmed, ended, announced, unannounced, right, watchers }: Result): Row[] {
  const [good, bad] = [rounds.filter((round) => !round.slow), rounds.filter((round) => round.slow)]
  const p99 = (some: readonly Round[]) => some.map((round) => round.p99Ms)
  const ratio = median(p99(bad)) / median(p99(good))
  const grown = (of: keyof Memory) =>
    median(bad.map(({ memory }) => memory[of])) - median(good.map(({ memory }) => memory[of]))
  const grownMax = (slow + stalled) * UNREAD_BYTES_MAX + BREATH_BYTES
  const all = (who: 'fast' | 'slow'): Row => ({
    what: `ends of their own orders that came to the ${who === 'fast' ? 'fast' : 'slow, stalled and attentive'}`,
    value: `${whole(confirmed[who])} confirmed`,
    bar: `all ${whole(ordered[who])}`,
    pass: confirmed[who] === ordered[who],
  })
  return [
    { what: 'receipts of the fast, p99, all read', value: spread(p99(good)) },
    { what: '  some read slowly or not at all', value: spread(p99(bad)) },
    {
      what: '  ratio of the medians',
      value: ratio.toFixed(2),
      bar: `at most ${RATIO_MAX}`,
      pass: ratio <= RATIO_MAX,
    },
    {
      what: '  the same of the slowest and the quickest round in which all read',
      value: (Math.max(...p99(good)) / Math.min(...p99(good))).toFixed(2),
    },
    { what: '  accepted in a round', value: rounds.map((round) => whole(round.accepted)).join(', ') },
    all('fast'),
    all('slow'),
    {
      what: 'watchers who see what is left, REST among them',
      value: whole(right),
      bar: `all ${watchers}`,
      pass: right === watchers,
    },
    { what: 'gaps that were announced', value: whole(announced), bar: 'some', pass: announced > 0 },
    { what: '  that were not', value: whole(unannounced), bar: 'none', pass: unannounced === 0 },
    { what: 'links ended because nobody read', value: whole(ended) },
    { what: 'network', value: isOwnNetwork ? 'its own, as small as phones have it' : 'loopback' },
    { what: "the node's RSS after a round, all read", value: spreadMb(good, 'rssBytes') },
    { what: '  some read slowly or not at all', value: spreadMb(bad, 'rssBytes') },
    {
      what: '  more, by the medians',
      value: `${(grown('rssBytes') / 1e6).toFixed(1)} MB`,
      bar: `at most ${(grownMax / 1e6).toFixed(1)} MB`,
      pass: grown('rssBytes') <= grownMax,
    },
    { what: 'its heap, all read', value: spreadMb(good, 'heapBytes') },
    { what: '  some read slowly or not at all', value: spreadMb(bad, 'heapBytes') },
  ]
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor((figures.length - 1) / 2)] ?? Number.NaN
}

function spread(figures: readonly number[]): string {
  return `${ms(median(figures))} (${figures.map((figure) => Math.round(figure)).join(', ')})`
}

function spreadMb(rounds: readonly Round[], of: keyof Memory): string {
  return `${rounds.map(({ memory }) => (memory[of] / 1e6).toFixed(0)).join(', ')} MB`
}
