/** What npm installed is what was chosen: exact versions, for the Node that we promise, no older than is safe. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')

interface Manifest {
  name: string
  version: string
  engines?: { node?: string }
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

interface Locked {
  version: string
  integrity?: string
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
}

const read = (path: string): Manifest => JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Manifest

/** Known holes were closed in these versions (docs/security.md). */
const SAFE_FROM: Record<string, string> = {
  ...{ ws: '8.23.0', msgpackr: '2.1.3', ioredis: '6.0.0' },
  ...{ 'socket.io': '4.8.4', 'engine.io': '6.6.12', 'socket.io-parser': '4.2.7' },
}

/** Engine.IO brings its own, and never opens a port with it here: this one closed the last hole of its server. */
const WS_OF_OTHERS = '8.17.1'

describe('the packages', () => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> }
  const locked = Object.entries(lock.packages)
    .filter(([path]) => path !== '')
    .map(([path, one]): [string, Locked] => [path.replace(/^.*node_modules\//, ''), one])
  const own = read('package.json')
  const chosen = { ...own.dependencies, ...own.devDependencies, ...own.optionalDependencies }

  it('[X7] are pinned exactly', () => {
    const loose = Object.entries(chosen).filter(
      ([, version]) => !/^(npm:[\w@./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    )

    expect(loose).toEqual([])
  })

  it('[X7] are installed in the versions that were chosen', () => {
    const other = Object.entries(chosen).filter(([name, version]) => {
      if (own.optionalDependencies?.[name] !== undefined) return false
      return read(`node_modules/${name}/package.json`).version !== version.replace(/^npm:.*@/, '')
    })

    expect(other).toEqual([])
  })

  it('[X7] are no older than the versions in which known holes were closed', () => {
    const old = Object.entries(SAFE_FROM).filter(([name, from]) => {
      const { version } = read(`node_modules/${name}/package.json`)
      return version.localeCompare(from, 'en', { numeric: true }) < 0
    })

    expect(old).toEqual([])
  })

  it('[X7] are no older in any copy that the lock file holds, however deep', () => {
    const old = locked.filter(([name, { version }]) => {
      const from = name === 'ws' ? WS_OF_OTHERS : SAFE_FROM[name]
      return from !== undefined && version.localeCompare(from, 'en', { numeric: true }) < 0
    })

    expect(old).toEqual([])
    for (const name of Object.keys(SAFE_FROM)) expect(locked.map(([one]) => one)).toContain(name)
  })

  it('[X7] are installed by their hashes, but for the binaries of other machines, and run nothing when they are', () => {
    const bare = locked.filter(([, { integrity, optional, os, cpu, libc }]) => {
      const isForHere =
        (os?.includes('linux') ?? true) && (cpu?.includes('x64') ?? true) && (libc?.includes('glibc') ?? true)
      return integrity === undefined && (isForHere || optional !== true)
    })

    expect(bare).toEqual([])
    expect(readFileSync(join(ROOT, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m)
  })

  it('[X8] accept the oldest Node that we promise', () => {
    const refused = manifests('node_modules')
      .filter((manifest) => manifest.engines?.node !== undefined && !acceptsFloor(manifest.engines.node))
      .map((manifest) => `${manifest.name}@${manifest.version} wants node ${manifest.engines?.node}`)

    expect(refused).toEqual([])
  })
})

function manifests(folder: string): Manifest[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory() || entry.name.startsWith('.')) return []
    if (entry.name.startsWith('@')) return manifests(join(folder, entry.name))
    return [read(join(folder, entry.name, 'package.json'))]
  })
}

/** Ranges as they occur: alternatives of `^20.1.0`, `>=18`, `20 || >=22`, `>= 18.0.0 < 19`. The floor is 20.20.0. */
function acceptsFloor(range: string): boolean {
  return range.split('||').some((alternative) => {
    const bounds = alternative
      .trim()
      .replaceAll(/([<>=^~]+)\s+/g, '$1')
      .split(/\s+/)
    return bounds.every((bound) => {
      const [, how = '', major = '', minor = '0'] = /^([<>=^~]*)v?(\d+|\*|x)(?:\.(\d+|x|\*))?/.exec(bound) ?? []
      if (major === '*' || major === 'x' || bound === '') return true
      const distance = 20 - Number(major) || 20 - (Number(minor) || 0)
      if (how === '>=') return distance >= 0
      if (how === '>') return distance > 0
      if (how === '<') return distance < 0
      if (how === '<=') return distance <= 0
      return 20 === Number(major) && 20 >= (Number(minor) || 0)
    })
  })
}
