/**
 * `npm run nemesis`: a real LiveDrop of three nodes is hurt, seed after seed, and a table says what it cost.
 *
 *   npm run nemesis -- --seeds 12 --from 1 [--seconds 10]     mixed faults, one every 0.3 to 1 s
 *   npm run nemesis -- --each                                 every kind of fault alone, for its gaps, and a calm run
 *   npm run nemesis -- --fault F17 --fault F2                 these kinds alone, and a calm run
 *   npm run nemesis -- --soak-minutes 30                      mixed faults for so long, with an eye on memory
 *   npm run nemesis -- --control no_journal                   a mechanism taken out, under the faults it is for: has to fail
 *   npm run nemesis -- --control no_journal --whole           the same faults on whole nodes: must hold
 *
 * `--resume` goes on with the report that is there: runs that are in it are not done again, so that a long run can be
 * made in parts (`--minutes` says when to stop beginning new ones).
 *
 * Exit code 0: no rule was broken, and every end of an order came into an inbox. Gaps over their bar are said and do not
 * count, for they are the machine's as much as ours; but a control may be there for its gap alone.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { until } from '../../stack/deadline.ts'
import { FAULT_IDS, type FaultId, isFaultId, WILLED_IDS } from './catalogue.ts'
import { CONTROL_NAMES, CONTROLS, isNemesisControl } from './controls.ts'
import { MemoryWatch } from './memory.ts'
import { planOf } from './plan.ts'
import { type Report, renderHtml, renderText, reportOf } from './report.ts'
import { missingInInbox } from './rest.ts'
import { kindResults, type SeedResult, seedResult } from './results.ts'
import { nemesis } from './run.ts'
import { HurtableWorld } from './world.ts'

const REST_WITHIN_MS = 10_000
/** Without a mechanism it never comes to rest: what it lost by then is enough. */
const CONTROL_MS = { restWithinMs: 3_000, lateWithinMs: 3_000 }
const INBOX_WITHIN_MS = 90_000
/** More seeds than anybody has time for. */
const ENDLESS = 100_000

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
    resume: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '0' },
    'soak-minutes': { type: 'string', default: '0' },
    report: { type: 'string', default: 'bench/out/nemesis.html' },
    verbose: { type: 'boolean', default: false },
  },
})
const wrong = [
  ...(said.fault ?? [])
    .filter((id) => !isFaultId(id))
    .map((id) => `--fault ${id}: one of ${[...FAULT_IDS, ...WILLED_IDS].join(', ')}`),
  ...(said.control === undefined || isNemesisControl(said.control)
    ? []
    : [`--control: one of ${CONTROL_NAMES.join(', ')}`]),
]
if (wrong.length > 0) {
  console.error(wrong.join('\n'))
  process.exit(2)
}
const tried = isNemesisControl(said.control) ? said.control : undefined
const control = said.whole ? undefined : tried
const faults = said.fault?.filter(isFaultId)
const soakMinutes = whole('soak-minutes', said['soak-minutes'])
const minutes = soakMinutes || whole('minutes', said.minutes)
const [from, count] = [whole('from', said.from), soakMinutes > 0 ? ENDLESS : whole('seeds', said.seeds)]
const seeds = Array.from({ length: count }, (_, at) => from + at)
/** Each with the kinds that it is made of; undefined for all of them. Gaps are held against a run with none. */
const runs = seeds.flatMap((seed): { seed: number; only: FaultId[] | undefined }[] => {
  const calm = { seed, only: [] }
  if (said.each) return [calm, ...(faults ?? FAULT_IDS).map((id) => ({ seed, only: [id] }))]
  return faults === undefined ? [{ seed, only: undefined }] : [calm, { seed, only: faults }]
})

const logged: string[] = []
const before = said.resume ? readReport() : []
const results: SeedResult[] = [...before]
const known = new Set(before.map(({ name }) => name))
const world = await HurtableWorld.open({ control, lasting: soakMinutes > 0, onLog: (line) => logged.push(line) })
const memory = new MemoryWatch(world)
const startedMs = performance.now()
let inbox = { isWhole: true, said: 'not looked at' }
try {
  for (const { seed, only } of runs) {
    const kinds = only?.length === 0 ? 'calm' : only?.join('-')
    const name = `${seed}-${kinds ?? 'mixed'}`
    if (known.has(name)) continue
    if (minutes > 0 && performance.now() - startedMs > minutes * 60_000) break

    const options = { seconds: whole('seconds', said.seconds), buyers: whole('buyers', said.buyers) }
    const plan = planOf(seed, {
      ...{ ...options, ordersPerSecond: whole('rate', said.rate) },
      ...(tried === undefined ? (only === undefined ? {} : { only }) : CONTROLS[tried]),
    })
    console.log(`seed ${seed}, ${kinds ?? plan.form}`)
    const limits = control === undefined ? { restWithinMs: REST_WITHIN_MS } : CONTROL_MS
    const result = seedResult(name, await nemesis(world, plan, { ...limits, say: tell }))
    results.push(result)
    for (const rule of result.broken.slice(0, 10)) console.log(`  BROKEN ${rule}`)
    writeOut(`${said.report}.${name}.log`, logged.join('\n'))
    logged.length = 0
    // After each: a run that is cut short has said what it knew.
    writeReport()
  }
  memory.stop()
  if (control === undefined) inbox = await lookAtInbox()
} finally {
  memory.stop()
  await world.close()
}

const failed = results.filter(({ broken }) => broken.length > 0)
console.log(
  `\n${renderText(writeReport())}\n\ninbox: ${inbox.said}\n${results.length} runs, ${failed.length} with a broken rule; ${said.report}`,
)
const isOver = control !== undefined && kindResults(results).some(({ pass }) => pass === false)
process.exitCode = failed.length === 0 && inbox.isWhole && !isOver ? 0 : 1

async function lookAtInbox(): Promise<typeof inbox> {
  const askedMs = performance.now()
  let missing = -1
  const isWhole = await until(async () => {
    missing = await missingInInbox(world)
    return missing === 0
  }, INBOX_WITHIN_MS)
  const tookMs = Math.round(performance.now() - askedMs)
  const said = isWhole
    ? `whole ${tookMs} ms after the last run`
    : `${missing} ends of orders missing after ${tookMs} ms`
  return { isWhole, said }
}

function tell(line: string): void {
  logged.push(`[nemesis] ${JSON.stringify({ time: Date.now(), line })}`)
  if (said.verbose) console.log(`  ${line}`)
}

function jsonFile(): string {
  return `${said.report.replace(/\.html$/, '')}.json`
}

function readReport(): SeedResult[] {
  try {
    return (JSON.parse(readFileSync(jsonFile(), 'utf8')) as Report).seeds
  } catch {
    return [] // there is none yet
  }
}

function writeReport(): Report {
  const command = `npm run nemesis -- ${process.argv.slice(2).join(' ')}`
  const report = reportOf(command, control, results, memory.nodes)
  writeOut(said.report, renderHtml(report))
  writeOut(jsonFile(), JSON.stringify(report))
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
