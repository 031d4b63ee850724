/** The tree keeps itself: imports point one way, and each library has one door. */
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { trackedFiles } from './setup/tracked-files.ts'

const ROOT = join(import.meta.dirname, '..')

/** What a folder may import besides itself. Folders that are not named here may import anything. */
const MAY_SEE: Record<string, string[]> = {
  protocol: [],
  rooms: ['protocol'],
  bus: ['protocol', 'rooms'],
  storage: ['protocol', 'rooms', 'bus'],
  server: ['protocol', 'rooms', 'bus', 'storage'],
  stack: ['protocol'],
  client: ['protocol'],
}

/** Libraries that only one place may import. */
const DOORS: Record<string, RegExp> = {
  'uWebSockets.js': /^server\/transports\//,
  ioredis: /^storage\/redis\.ts$/,
  postgres: /^storage\/postgres\.ts$/,
  umzug: /^storage\/migrate\.ts$/,
  nats: /^bus\/nats-link\.ts$/,
  msgpackr: /^protocol\/codec\.ts$/,
  jose: /^server\/inbound\/tokens\.ts$/,
  '@node-rs/argon2': /^server\/inbound\/passwords\.ts$/,
  'socket.io': /^server\/transports\/socketio[a-z-]*\.ts$/,
  '@socket.io/redis-adapter': /^server\/transports\/socketio\.ts$/,
  'prom-client': /^server\/metrics\/meter\.ts$/,
  pino: /^server\/log\.ts$/,
}

interface Import {
  file: string
  target: string
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const found = text.matchAll(/^\s*(?:import|export)\b[^'"]*?from\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm)
  return [...found].map((match) => ({ file, target: match[1] ?? match[2] ?? '' }))
}

const folderOf = (file: string) => file.split('/')[0] ?? ''
const files = trackedFiles(ROOT, '*.ts')
const product = files.filter((file) => folderOf(file) in MAY_SEE)
const imports = product.flatMap(importsOf)

describe('the tree', () => {
  it('[X1] imports point one way', () => {
    const wrong = imports.filter(({ file, target }) => {
      if (!target.startsWith('.')) return false
      const to = folderOf(normalize(join(dirname(file), target)))
      return to !== folderOf(file) && !MAY_SEE[folderOf(file)]?.includes(to)
    })

    expect(wrong).toEqual([])
    expect(imports.length).toBeGreaterThan(50)
  })

  it('[X2] each library has one door', () => {
    const wrong = imports.filter(({ file, target }) => {
      const door = DOORS[target]
      return door !== undefined && !door.test(file)
    })

    expect(wrong).toEqual([])
  })

  it('[X2] rooms and protocol know no library but zod and the codec', () => {
    const known = /^(\.|node:|zod$)/
    const wrong = imports.filter(({ file, target }) => {
      if (folderOf(file) === 'rooms') return !/^(\.|node:)/.test(target)
      if (folderOf(file) === 'protocol') return !known.test(target) && !DOORS[target]?.test(file)
      return false
    })

    expect(wrong).toEqual([])
  })

  it('[J6] the client sees the protocol as types only, and no library but React, in its hooks', () => {
    const runtime = files
      .filter((file) => folderOf(file) === 'client')
      .flatMap((file) => {
        const text = readFileSync(join(ROOT, file), 'utf8')
        const statements = text.matchAll(/^(?:import|export)\b([^'"]*?)\bfrom\s+'([^']+)'|^import\s+'([^']+)'/gm)
        return [...statements]
          .map(([, what = '', from, bare]) => ({ file, what: what.trim(), target: from ?? bare ?? '' }))
          .filter(({ target }) => !(target === 'react' && file.startsWith('client/react/')))
          .filter(({ what, target }) => !what.startsWith('type ') && !/^\.\.?\/(?!.*protocol\/)/.test(target))
      })

    expect(runtime).toEqual([])
  })

  it('[X3] rooms read no clock of their own', () => {
    const clocks = /\b(Date\.now|new Date\(|performance\.now|setTimeout|setInterval|setImmediate|Math\.random)\b/
    const wrong = product.filter((file) => folderOf(file) === 'rooms' && clocks.test(codeOf(file)))

    expect(wrong).toEqual([])
  })

  it('[KK8] no statement is built from what came in', () => {
    // What takes text is given the content of one of our files: from a field, or read on the spot by its name.
    const ours = /^(this\.#\w+|statement(\('[a-z-]+'\)|\(name\))?|readStatement\(`\.\/migrations\/\$\{name\}`)$/
    const given = product.flatMap((file) =>
      [...codeOf(file).matchAll(/\.unsafe(?:<[^(]*>)?\(\s*([^,]*)/g)].map(([, text = '']) => ({ file, text })),
    )

    expect(given.filter(({ text }) => !ours.test(text.trim()))).toEqual([])
    expect(given.length).toBeGreaterThan(10)
  })

  it('[X4] every source opens by saying what it is', () => {
    const silent = product.filter((file) => !readFileSync(join(ROOT, file), 'utf8').startsWith('/**'))

    expect(silent).toEqual([])
  })

  it('[X4] no file is named for the office', () => {
    const office = /(^|\/)(helpers?|utils?|common|lib|types|misc|manager)\.ts$/

    expect(files.filter((file) => office.test(file))).toEqual([])
  })
})

function codeOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
}
