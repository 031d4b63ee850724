/**
 * The long run: `npm run sim -- --seeds 100000 [--from S] [--control NAME] [--schedule NAME]`, or one seed with its history:
 * `npm run sim -- --seed X --verbose`.
 */
import { parseArgs } from 'node:util'
import { CONTROLS } from './controls.ts'
import { type Run, simulate } from './run.ts'
import { SCHEDULES } from './schedules.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    control: { type: 'string' },
    schedule: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const control = CONTROLS.find((name) => name === values.control)
const schedule = SCHEDULES.find((name) => name === values.schedule)

if (values.seed === undefined) await runMany(Number(values.from), Number(values.seeds))
else {
  const run = await simulate(Number(values.seed), { control, schedule })
  if (values.verbose) console.log(run.history.lines.join('\n'))
  tell(run)
}

function tell({ plan, broken, history }: Run): void {
  const faults = plan.faults
    .map((fault) => `${fault.kind}@${fault.atMs.toFixed(0)}+${fault.forMs.toFixed(0)}`)
    .join(' ')
  console.log(`seed ${plan.seed}${plan.double ? ' (double fault)' : ''}: ${faults}`)
  console.log(
    `  quiet after ${history.quietAfterMs?.toFixed(0) ?? 'never'} ms, ${history.sends.length} sends, ${history.revoked.length} revoked`,
  )
  for (const line of broken.slice(0, 8)) console.log(`  ${line}`)
}

async function runMany(from: number, count: number): Promise<void> {
  const startedMs = performance.now()
  let failed = 0
  let sends = 0
  let doubles = 0
  let revoked = 0
  let slowestMs = 0
  for (let seed = from; seed < from + count; seed += 1) {
    const run = await simulate(seed, { control, schedule })
    sends += run.history.sends.length
    revoked += run.history.revoked.length
    slowestMs = Math.max(slowestMs, run.history.quietAfterMs ?? 0)
    if (run.plan.double) doubles += 1
    if (run.broken.length === 0) continue
    failed += 1
    tell(run)
  }
  const tookMs = performance.now() - startedMs
  console.log(
    `${count} seeds from ${from}: ${failed} failed, ${doubles} with a double fault, ${sends} sends, ${revoked} revoked, ` +
      `quiet within ${slowestMs.toFixed(0)} ms, ${(tookMs / count).toFixed(1)} ms a seed`,
  )
  if (failed > 0) process.exitCode = 1
}
