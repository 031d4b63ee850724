/** A plain table for the terminal: a label, a figure, and where there is one, the bar and whether it was met. */
export interface Row {
  what: string
  value: string
  bar?: string
  pass?: boolean
}

export function renderTable(title: string, rows: readonly Row[]): string {
  const wide = Math.max(...rows.map((row) => row.what.length))
  const wideValue = Math.max(...rows.map((row) => row.value.length))
  const lines = rows.map((row) => {
    const bar = row.bar === undefined ? '' : `  ${row.bar}`
    return `  ${row.what.padEnd(wide)}  ${row.value.padStart(wideValue)}${bar}  ${verdictOf(row)}`.trimEnd()
  })
  return [title, '-'.repeat(Math.max(title.length, wide + wideValue + 4)), ...lines].join('\n')
}

export function verdictOf({ pass }: Row): '' | 'PASS' | 'FAIL' {
  return pass === undefined ? '' : pass ? 'PASS' : 'FAIL'
}

export const whole = (figure: number): string => Math.round(figure).toLocaleString('en-US')
export const ms = (figure: number): string => `${figure < 10 ? figure.toFixed(1) : Math.round(figure)} ms`
