/** docs/SPEC.md and the test titles say the same rules: none without a test, no test of a rule that is not written. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const RULE = /\b[A-Z]{1,2}\d{1,3}\b/g

function rulesInSpec(): string[] {
  const text = readFileSync(join(ROOT, 'docs/SPEC.md'), 'utf8')
  return [...text.matchAll(/^- \*\*([A-Z]{1,2}\d{1,3})\*\* /gm)].map((match) => match[1] ?? '')
}

/** `[L1]`, `[L1, P3]` or `[L1][P3]` at the beginning of a title of it, test or describe. */
function rulesInTests(): Map<string, string> {
  const cited = new Map<string, string>()
  for (const path of readdirSync(join(ROOT, 'tests'), { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue
    const text = readFileSync(join(ROOT, 'tests', path), 'utf8')
    for (const title of text.matchAll(/['"`]((?:\[[A-Z]{1,2}\d{1,3}(?:,\s*[A-Z]{1,2}\d{1,3})*\]\s*)+)/g)) {
      for (const rule of (title[1] ?? '').matchAll(RULE)) cited.set(rule[0], path)
    }
  }
  return cited
}

describe('the rules', () => {
  const written = rulesInSpec()
  const cited = rulesInTests()

  it('[X5] each has one number and one sentence', () => {
    expect(written.length).toBeGreaterThan(20)
    expect(written.filter((rule, at) => written.indexOf(rule) !== at)).toEqual([])
  })

  it('[X5] each is proven by a test', () => {
    expect(written.filter((rule) => !cited.has(rule))).toEqual([])
  })

  it('[X5] every test names a rule that is written', () => {
    const unknown = [...cited].filter(([rule]) => !written.includes(rule)).map(([rule, path]) => `${rule} in ${path}`)

    expect(unknown).toEqual([])
  })
})
