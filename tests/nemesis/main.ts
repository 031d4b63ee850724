/**
 * `npm run nemesis`: a real LiveDrop of three nodes is hurt, seed after seed, and a table says what it cost.
 *
 *   npm run nemesis -- --seeds 12 --from 1 [--seconds 10]     mixed faults, one every 0.3 to 1 s
 *   npm run nemesis -- --each                                 every kind of fault alone, for its gaps
 *   npm run nemesis -- --fault F17 --fault F2                 these kinds alone
 *   npm run nemesis -- --control no_journal                   a mechanism taken out, under the faults it is for: has to fail
 *   npm run nemesis -- --control no_journal --whole           the same faults on whole nodes: must hold
 *
 * Exit code 0: no rule was broken. Gaps over their bar are said and do not count: they are the machine's as much as ours.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { FAULT_IDS, type FaultId, isFaultId } from './catalogue.ts'
import { CONTROL_NAMES, CONTROLS, isControl } from './controls.ts'
import { planOf } from './plan.ts'
import { type Report, renderHtml, renderText, reportOf } from './report.ts'
import { type SeedResult, seedResult } from './results.ts'
import { inboxIsWhole, nemesis } from './run.ts'
import { HurtableWorld } from './world.ts'

const REST_WITHIN_MS = 10_000
/** Without a mechanism it never comes to rest: what it lost by then is enough. */
const CONTROL_MS = { restWithinMs: 3_000, lateWithinMs: 3_000 }
const INBOX_WITHIN_MS = 90_000

const { values: said } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    from: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '10' },
    buyers: { type: 'string', default: '300' },
    rate: { type: 'string', default: '600' },
    fault: { type: 'string', multiple: true },
    each: { type: 'boolean', default: false },
    control: { type: 'string' },
    whole: { type: 'boolean', default: false },
    report: { type: 'string', default: 'bench/out/nemesis.html' },
    verbose: { type: 'boolean', default: false },
  },
})
const wrong = [
  ...(said.fault ?? []).filter((id) => !isFaultId(id)).map((id) => `--fault ${id}: one of ${FAULT_IDS.join(', ')}`),
  ...(said.control === undefined || isControl(said.control) ? [] : [`--control: one of ${CONTROL_NAMES.join(', ')}`]),
]
if (wrong.length > 0) {
  console.error(wrong.join('\n'))
  process.exit(2)
}
const tried = isControl(said.control) ? said.control : undefined
const control = said.whole ? undefined : tried
const faults = said.fault?.filter(isFaultId)
const [from, count] = [whole('from', said.from), whole('seeds', said.seeds)]
const seeds = Array.from({ length: count }, (_, at) => from + at)
/** Each with the kinds that it is made of; undefined for all of them. */
const runs: { seed: number; only: FaultId[] | undefined }[] = said.each
  ? seeds.flatMap((seed) => (faults ?? FAULT_IDS).map((id) => ({ seed, only: [id] })))
  : seeds.map((seed) => ({ seed, only: faults }))

const logged: string[] = []
const world = await HurtableWorld.open({ control, onLog: (line) => logged.push(line) })
const results: SeedResult[] = []
let inbox = 'not looked at'
try {
  for (const { seed, only } of runs) {
    const options = { seconds: whole('seconds', said.seconds), buyers: whole('buyers', said.buyers) }
    const plan = planOf(seed, {
      ...{ ...options, ordersPerSecond: whole('rate', said.rate) },
      ...(tried === undefined ? (only === undefined ? {} : { only }) : { faults: CONTROLS[tried].faults }),
    })
    console.log(`seed ${seed}, ${only?.join(' ') ?? plan.form}`)
    const limits = control === undefined ? { restWithinMs: REST_WITHIN_MS } : CONTROL_MS
    const result = seedResult(await nemesis(world, plan, { ...limits, say: tell }))
    results.push(result)
    for (const rule of result.broken.slice(0, 10)) console.log(`  BROKEN ${rule}`)
    writeOut(`${said.report}.${seed}-${only?.join('-') ?? 'mixed'}.log`, logged.join('\n'))
    logged.length = 0
    // After each: a run that is cut short has said what it knew.
    writeReport()
  }
  if (control === undefined) inbox = await inboxIsWhole(world, INBOX_WITHIN_MS)
} finally {
  await world.close()
}

const failed = results.filter(({ broken }) => broken.length > 0)
console.log(
  `\n${renderText(writeReport())}\n\ninbox: ${inbox}\n${results.length} runs, ${failed.length} with a broken rule; ${said.report}`,
)
process.exitCode = failed.length === 0 ? 0 : 1

function tell(line: string): void {
  logged.push(`[nemesis] ${JSON.stringify({ time: Date.now(), line })}`)
  if (said.verbose) console.log(`  ${line}`)
}

function writeReport(): Report {
  const report = reportOf(`npm run nemesis -- ${process.argv.slice(2).join(' ')}`, control, results)
  writeOut(said.report, renderHtml(report))
  writeOut(`${said.report.replace(/\.html$/, '')}.json`, JSON.stringify(report))
  return report
}

function writeOut(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

function whole(name: string, text: string): number {
  const read = Number(text)
  if (Number.isInteger(read) && read >= 0) return read

  console.error(`--${name} takes a whole number, not ${JSON.stringify(text)}`)
  process.exit(2)
}
