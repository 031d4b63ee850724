/**
 * A crowd: many fans in one process, started by bench/storm.ts as a child and told what to do over IPC.
 *
 * `rush` is the opening of a drop: each fan means to order once, at a moment drawn from the first `rushMs` after the
 * opening. `steady` is a closed loop for measuring throughput: each fan keeps `inFlight` orders going until the end.
 */
import { type CrowdOrder, type CrowdReport, momentOf, newTally, packTally } from './crowd-report.ts'
import { Fan } from './fan.ts'
import { recordMs } from './histogram.ts'

process.once('message', (order: CrowdOrder) => {
  run(order).catch((cause) => {
    console.error('crowd failed', cause)
    process.exit(1)
  })
})
// The parent has what it wanted, or is gone: so is the reason to go on.
process.on('disconnect', () => process.exit(0))

async function run(order: CrowdOrder): Promise<void> {
  const tally = newTally()
  let watching = 0
  const fans = order.tokens.map(
    (token, at) =>
      new Fan(
        {
          urls: order.urls,
          token,
          drop: order.drop,
          watching: () => {
            watching += 1
          },
          told: (what, orderId, sinceMeantMs) => {
            tally[what].add(orderId)
            recordMs(what === 'accepted' ? tally.receiptMs : tally.confirmMs, sinceMeantMs)
            if (what === 'accepted') tally.moments.add(momentOf(Date.now()))
          },
          refused: (verdict, sinceMeantMs) => {
            tally.refused[verdict] = (tally.refused[verdict] ?? 0) + 1
            recordMs(tally.receiptMs, sinceMeantMs)
          },
          retried: (why) => {
            tally.retried[why] = (tally.retried[why] ?? 0) + 1
          },
        },
        at + order.firstFan,
      ),
  )
  const report = (done: boolean): CrowdReport => ({
    watching,
    accepted: tally.accepted.size,
    confirmed: tally.confirmed.size,
    refused: tally.refused,
    retried: tally.retried,
    ...(done ? { tally: packTally(tally) } : {}),
  })
  const progress = setInterval(() => process.send?.(report(false)), 250)

  const startMs = await new Promise<number>((resolve) => {
    process.once('message', (go: { startAtMs: number }) => resolve(go.startAtMs))
  })
  const fromNowMs = startMs - Date.now()
  const meantStartMs = performance.now() + fromNowMs
  if (order.form === 'rush') await rush(order, fans, meantStartMs)
  else await steady(order, fans, meantStartMs)

  await settle(fans)
  clearInterval(progress)
  for (const fan of fans) fan.close()
  process.send?.(report(true))
}

async function rush(order: CrowdOrder, fans: Fan[], startMs: number): Promise<void> {
  const giveUp = until(startMs + order.durationMs)
  const ends = fans.map(async (fan, at) => {
    const meantMs = startMs + Math.random() * order.rushMs
    await until(meantMs)
    const qty = 1 + ((at + order.firstFan) % order.qtyMax)
    const ordered = fan.order('first', [{ sku: pick(order.skus, at), qty }], meantMs)
    await Promise.race([ordered, giveUp])
  })
  await Promise.all(ends)
}

async function steady(order: CrowdOrder, fans: Fan[], startMs: number): Promise<void> {
  await until(startMs)
  const endMs = startMs + order.durationMs
  // One for all: a timer for each order would outlive it by the rest of the bench.
  const giveUp = until(endMs + 5_000)
  const loops = fans.flatMap((fan, at) =>
    Array.from({ length: order.inFlight }, async (_, lane) => {
      for (let n = 0; performance.now() < endMs; n += 1) {
        const ordered = fan.order(`${lane}-${n}`, [{ sku: pick(order.skus, at), qty: 1 }], performance.now())
        if ((await Promise.race([ordered, giveUp])) === 'late') return
      }
    }),
  )
  await Promise.all(loops)
}

/** Nobody leaves before they know: asks for outcomes until every order has its end, at most 15 s. */
async function settle(fans: Fan[]): Promise<void> {
  const endMs = performance.now() + 15_000
  while (fans.some((fan) => fan.waiting > 0) && performance.now() < endMs) {
    await until(performance.now() + 500)
    for (const fan of fans) fan.askOutcomes()
  }
}

function pick<T>(list: readonly T[], at: number): T {
  const picked = list[at % list.length]
  if (picked === undefined) throw new Error('an empty list has nothing to pick')
  return picked
}

function until(momentMs: number): Promise<'late'> {
  return new Promise((resolve) => setTimeout(() => resolve('late'), Math.max(0, momentMs - performance.now())))
}
