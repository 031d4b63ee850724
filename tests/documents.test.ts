/** What the documents name is there: a reader who follows them ends nowhere else than where they say. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { trackedFiles } from './setup/tracked-files.ts'

const ROOT = join(import.meta.dirname, '..')
const files = trackedFiles(ROOT)
const names = new Set(files.map((file) => basename(file)))
const sources = files.filter((file) => /\.(ts|mjs)$/.test(file))
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** With what each says, as `[document, what]`. */
function saidIn(documents: readonly string[], what: RegExp): [string, string][] {
  return documents.flatMap((file) =>
    [...read(file).matchAll(what)].map(([, said = '']): [string, string] => [file, said]),
  )
}
const documents = files.filter((file) => file.endsWith('.md'))

describe('the documents', () => {
  it('[X9] link to files and headings that are there', () => {
    const links = saidIn(documents, /\]\(([^)\s]+)\)/g).filter(([, target]) => !target.includes('://'))
    const broken = links.filter(([file, target]) => {
      const [path = '', heading] = target.split('#')
      const found = path === '' ? file : join(dirname(file), path)
      if (!existsSync(join(ROOT, found))) return true
      return heading !== undefined && !headingsOf(found).includes(heading)
    })

    expect(broken).toEqual([])
    expect(links.length).toBeGreaterThan(30)
  })

  it('[X9] name files of this tree', () => {
    const named = saidIn(documents, /`([\w.-]+(?:\/[\w.-]+)*\.(?:ts|sql|lua|mjs|yaml))`/g)
    // `x.test.ts` stands for all of its kind.
    const lost = named.filter(
      ([, name]) => !existsSync(join(ROOT, name)) && !names.has(basename(name)) && name[0] !== 'x',
    )

    expect(lost).toEqual([])
    expect(named.length).toBeGreaterThan(100)
  })

  it('[X9] name scripts, commands and settings that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const commands = [...read('cli/main.ts').matchAll(/^ {4}(\w+): \w+Command/gm)].map(([, name = '']) => name)
    const code = sources.map(read).join('\n') + read('.ci/run')

    expect(saidIn(documents, /npm run ([\w:-]+)/g).filter(([, name]) => !(name in scripts))).toEqual([])
    expect(saidIn(documents, /livedrop (?:-- )?([a-z]+)/g).filter(([, name]) => !commands.includes(name))).toEqual([])
    expect(saidIn(documents, /\b(LIVEDROP_[A-Z_]+[A-Z])\b/g).filter(([, name]) => !code.includes(name))).toEqual([])
  })

  it('[X9] tell who runs a node what to do about every event that is an error', () => {
    const runbook = read('docs/runbook.md')
    const product = sources.filter((file) => /^(rooms|bus|storage|server)\//.test(file))
    const errors = saidIn(product, /\blog\.error\('([\w.]+)'/g)

    expect(errors.filter(([, event]) => !runbook.includes(`\`${event}\``))).toEqual([])
    expect(errors.length).toBeGreaterThan(20)
  })
})

function headingsOf(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}
