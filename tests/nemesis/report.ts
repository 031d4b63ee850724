/** The results as text for the terminal and as one HTML page that needs nothing else. */
import { type Cell, htmlPage, htmlTable, inHtml } from '../../bench/html-page.ts'
import { type NodeMemory, SLOPE_MAX_MB } from './memory.ts'
import { type KindResult, kindResults, type SeedResult, tookOnAverage } from './results.ts'

export interface Report {
  command: string
  at: string
  control: string | undefined
  seeds: SeedResult[]
  kinds: KindResult[]
  memory: NodeMemory[]
}

export function reportOf(
  command: string,
  control: string | undefined,
  seeds: SeedResult[],
  memory: NodeMemory[],
): Report {
  return { command, at: new Date().toISOString(), control, seeds, kinds: kindResults(seeds), memory }
}

const figure = (ms: number | undefined): string => (ms === undefined ? '' : Math.round(ms).toLocaleString('en-US'))
const KIND_HEAD = [
  '',
  'fault',
  'times',
  'alone',
  'gap p50',
  'gap max',
  'calm p50',
  'calm p99',
  'again p50',
  'again max',
  'moved',
  'bar',
  '',
  'lost',
  'revoked',
  'failed seeds',
]
const SEED_HEAD = [
  'seed',
  'form',
  'faults',
  'orders',
  'accepted',
  'cancelled',
  'doings',
  'pending',
  'silent',
  'dup',
  'p50 ms',
  'p99 ms',
  'calm gap',
  'lost',
  'revoked',
  'excused',
  'rest ms',
  'rules',
]

const MEMORY_HEAD = ['node', 'minutes', 'warm MB', 'last MB', 'most MB', 'MB a minute', '']

function kindRow(kind: KindResult): Cell[] {
  const { id, what, times, alone, gapMs, calmMs, resumeMs, moved, bar, pass, lost, revoked, brokenSeeds } = kind
  const verdict = pass === undefined ? '' : pass ? 'PASS' : 'OVER'
  const gaps = [figure(gapMs?.p50), figure(gapMs?.max), figure(calmMs?.p50), figure(calmMs?.p99)]
  const resumes = [figure(resumeMs?.p50), figure(resumeMs?.max)]
  return [id, what, times, alone, ...gaps, ...resumes, moved, bar, verdict, lost, revoked, brokenSeeds]
}

function seedRow(one: SeedResult): Cell[] {
  const { seed, form, faults, counts, latency, calmGapMs, lost, revoked, excused, quietAfterMs, broken } = one
  return [
    ...[seed, form, faults, counts.orders, counts.accepted, counts.cancelled, counts.doings],
    ...[counts.pending, counts.silence, counts.dup],
    ...[
      figure(latency.p50),
      figure(latency.p99),
      figure(calmGapMs),
      lost,
      revoked,
      excused,
      figure(quietAfterMs) || 'never',
    ],
    broken.length === 0 ? 'hold' : `${broken.length} broken`,
  ]
}

/** Of nodes that lived long enough for one. */
function memoryRows(memory: readonly NodeMemory[]): Cell[][] {
  return memory.flatMap(({ name, minutes, warmMb, lastMb, mostMb, mbPerMinute }) => {
    if (mbPerMinute === undefined) return []
    const verdict = mbPerMinute < SLOPE_MAX_MB ? 'PASS' : 'OVER'
    return [[name, minutes.toFixed(1), figure(warmMb), figure(lastMb), figure(mostMb), mbPerMinute.toFixed(2), verdict]]
  })
}

function timeLine(seeds: readonly SeedResult[]): string {
  const { gatherMs, fightMs, healMs, restMs, judgeMs } = tookOnAverage(seeds)
  const seconds = (ms: number) => (ms / 1_000).toFixed(1)
  const all = gatherMs + fightMs + healMs + restMs + judgeMs
  return `a run takes ${seconds(all)} s: gathering ${seconds(gatherMs)}, faults ${seconds(fightMs)}, nodes coming back ${seconds(healMs)}, rest ${seconds(restMs)}, judging ${seconds(judgeMs)}`
}

export function renderText({ seeds, kinds, memory }: Report): string {
  const nodes = memoryRows(memory)
  return [
    table(KIND_HEAD, kinds.map(kindRow)),
    '',
    table(SEED_HEAD, seeds.map(seedRow)),
    timeLine(seeds),
    ...(nodes.length === 0 ? [] : ['', table(MEMORY_HEAD, nodes)]),
    ...seeds.flatMap(({ seed, broken }) => broken.slice(0, 10).map((rule) => `seed ${seed}: ${rule}`)),
  ].join('\n')
}

function table(head: readonly string[], rows: readonly Cell[][]): string {
  const wide = head.map((title, at) => Math.max(title.length, ...rows.map((row) => String(row[at] ?? '').length)))
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, at) => (typeof cell === 'number' ? String(cell).padStart(wide[at] ?? 0) : cell.padEnd(wide[at] ?? 0)))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)].join('\n')
}

export function renderHtml({ command, at, control, seeds, kinds, memory }: Report): string {
  const failed = seeds.filter(({ broken }) => broken.length > 0).length
  const title = control === undefined ? 'Nemesis' : `Nemesis, with a part taken out: ${control}`
  return htmlPage(
    title,
    `<p>${seeds.length} runs, ${failed} with a broken rule. ${inHtml(at)} · <code>${inHtml(command)}</code></p>
<h2>By kind of fault</h2>
<p>Gap: longest time without an accepted order from the blow on. Again: from the undoing to the next accepted order. Both only
where no other fault was near; the calm gap of a run is what the machine took where no fault was near at all. Calm: the gap that such a blow would have had in the runs without
faults, at many moments. Moved: blows after which the drop had a new owner; lost and revoked over every run that had the fault.</p>
${htmlTable(KIND_HEAD, kinds.map(kindRow))}
<h2>By run</h2>
${htmlTable(SEED_HEAD, seeds.map(seedRow))}
<p>${inHtml(timeLine(seeds))}</p>
<h2>Memory of nodes that lived long</h2>
${htmlTable(MEMORY_HEAD, memoryRows(memory))}
${seeds.map(figureOf).join('\n')}`,
  )
}

/** Accepted orders over time, and what was done when. */
function figureOf({ seed, form, pace, costs, broken }: SeedResult): string {
  const most = Math.max(1, ...pace)
  const wide = pace.length * 10
  const bars = pace.map((count, at) => {
    const high = Math.round((count / most) * 90)
    return `<rect x="${at * 10}" y="${110 - high}" width="9" height="${high}" fill="#3b82f6"/>`
  })
  const blows = costs.map(({ id, atMs, undoneMs }, at) => {
    const from = Math.round(atMs / 10)
    const width = Math.max(3, Math.round((undoneMs - atMs) / 10))
    const y = 14 + (at % 3) * 13
    return `<rect x="${from}" y="0" width="${width}" height="110" fill="#ef4444" opacity=".18"/><text x="${from + 2}" y="${y}" font-size="12" fill="#ef4444">${id}</text>`
  })
  const said = broken.slice(0, 10).map((rule) => `<br><span class="over">${inHtml(rule)}</span>`)
  return `<figure><svg viewBox="0 0 ${wide} 110" preserveAspectRatio="none" role="img" aria-label="accepted orders over time">${bars.join('')}${blows.join('')}</svg>
<figcaption>run ${seed} (${inHtml(form)}): accepted orders each tenth of a second, at most ${most}${said.join('')}</figcaption></figure>`
}
