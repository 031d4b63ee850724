/**
 * How a bench ends: a table for people or JSON for programs, files if they are wanted, and the verdict as exit code.
 *
 * `out` names the JSON file; one HTML page that needs nothing else is written beside it.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { htmlPage, htmlTable, inHtml } from './html-page.ts'
import { type Row, renderTable, verdictOf } from './table.ts'

export interface Told {
  json: boolean
  out: string | undefined
}

export interface Report {
  title: string
  passed: boolean
  at: string
  /** As it was called. */
  command: string
  machine: string
  /** The machine is rarely alone: what else it does is said beside every figure. 1, 5 and 15 minutes. */
  load: number[]
  rows: readonly Row[]
  figures: object
}

export function report(title: string, rows: readonly Row[], figures: object, { json, out }: Told): void {
  const passed = rows.every((row) => row.pass !== false)
  const whole: Report = {
    title,
    passed,
    at: new Date().toISOString(),
    command: `npm run livedrop -- bench ${nameOf(process.argv[1])} ${process.argv.slice(2).join(' ')}`.trimEnd(),
    machine: `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
    load: loadavg().map((figure) => Math.round(figure * 10) / 10),
    rows,
    figures,
  }
  const text = renderJson(whole)
  if (out !== undefined) {
    mkdirSync(dirname(out), { recursive: true })
    writeFileSync(out, text)
    writeFileSync(`${out.replace(/\.json$/, '')}.html`, renderHtml(whole))
  }
  if (json) console.log(text)
  else console.log(`\n${renderTable(title, [...rows, loadRow(whole)])}\n\n${passed ? 'PASS' : 'FAIL'}`)
  process.exitCode = passed ? 0 : 1
}

export function renderJson({ title, passed, load, figures }: Report): string {
  return JSON.stringify({ title, passed, load, ...figures }, null, 2)
}

export function renderHtml(whole: Report): string {
  const { title, passed, at, command, machine, rows } = whole
  const cells = [...rows, loadRow(whole)].map((row) => [row.what, row.value, row.bar ?? '', verdictOf(row)])
  return htmlPage(
    title,
    `<p><strong class="${passed ? 'pass' : 'over'}">${passed ? 'PASS' : 'FAIL'}</strong> · ${inHtml(at)} · ${inHtml(machine)} · <code>${inHtml(command)}</code></p>
${htmlTable(['', 'measured', 'bar', ''], cells)}
<details><summary>All figures, as JSON</summary><pre>${inHtml(renderJson(whole))}</pre></details>`,
  )
}

function loadRow({ load }: Report): Row {
  return { what: "the machine's load, 1, 5, 15 min", value: load.join(', ') }
}

function nameOf(script: string | undefined): string {
  return /([^/\\]+)\.[jt]s$/.exec(script ?? '')?.[1] ?? ''
}

/** A whole number from the command line, from `least` on. */
export function number(text: string, least = 1): number {
  const figure = Number(text)
  if (Number.isInteger(figure) && figure >= least) return figure

  console.error(`a whole number from ${least} on, not ${JSON.stringify(text)}`)
  process.exit(2)
}
