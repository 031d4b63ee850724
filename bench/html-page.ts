/** One HTML page that needs nothing but itself: for the reports of benches and of the nemesis. */
export type Cell = string | number

const BAD = /^(OVER|FAIL)$| broken$/
const GOOD = /^(PASS|hold)$/

/** `body`: HTML, in which every text has gone through `inHtml`. */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${inHtml(title)}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #1c1c1e; background: #fff }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0 }
  td, th { padding: .2rem .7rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd; font-weight: normal }
  td { white-space: pre-wrap } pre { overflow-x: auto }
  th { color: #666 } .over { color: #b00020; font-weight: 600 } .pass { color: #17653a } .scroll { overflow-x: auto }
  figure { margin: 1.2rem 0 } figcaption { color: #666 } svg { width: 100%; height: 7rem; background: #f6f6f7 }
  @media (prefers-color-scheme: dark) { body { background: #17181a; color: #e8e8ea } svg { background: #222326 } td, th { border-color: #3a3b3f } .over { color: #ff8a80 } .pass { color: #7ddc9f } }
</style>
<h1>${inHtml(title)}</h1>
${body}
</html>
`
}

/** A verdict shows its colour. */
export function htmlTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cell = (value: Cell) => {
    const text = String(value)
    const look = BAD.test(text) ? ' class="over"' : GOOD.test(text) ? ' class="pass"' : ''
    return `<td${look}>${inHtml(text)}</td>`
  }
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')
  return `<div class="scroll"><table><tr>${head.map((title) => `<th>${inHtml(title)}</th>`).join('')}</tr>\n${body}</table></div>`
}

export const inHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
