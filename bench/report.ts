/** How a bench ends: a table for people or JSON for programs, a file if one is wanted, and the verdict as exit code. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { dirname } from 'node:path'
import { type Row, renderTable } from './table.ts'

export interface Told {
  json: boolean
  out: string | undefined
}

/** The machine is rarely alone: what else it does is said beside every figure. */
export function report(title: string, rows: readonly Row[], figures: object, { json, out }: Told): void {
  const passed = rows.every((row) => row.pass !== false)
  const load = loadavg().map((figure) => Math.round(figure * 10) / 10)
  const whole = JSON.stringify({ title, passed, load, ...figures }, null, 2)
  if (out !== undefined) {
    mkdirSync(dirname(out), { recursive: true })
    writeFileSync(out, whole)
  }
  if (json) console.log(whole)
  else {
    const table = renderTable(title, [...rows, { what: "the machine's load, 1, 5, 15 min", value: load.join(', ') }])
    console.log(`\n${table}\n\n${passed ? 'PASS' : 'FAIL'}`)
  }
  process.exitCode = passed ? 0 : 1
}

/** A whole number from the command line, from `least` on. */
export function number(text: string, least = 1): number {
  const figure = Number(text)
  if (Number.isInteger(figure) && figure >= least) return figure

  console.error(`a whole number from ${least} on, not ${JSON.stringify(text)}`)
  process.exit(2)
}
