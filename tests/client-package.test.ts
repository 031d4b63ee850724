/**
 * The client as it is published: built, packed, looked at by the tools that know how packages go wrong, and used by scripts
 * that see nothing but the package.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '..')
const WITHIN = { timeout: 120_000 }
const README = readFileSync(join(ROOT, 'client/README.md'), 'utf8')
const STRICT = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023', '--noEmit']
const SUBPATHS = ['.', './msgpack', './socketio', './react', './testing']

let place = ''
let built = ''
let tarball = ''

const node = (args: string[], cwd = ROOT) => run(process.execPath, args, { ...WITHIN, cwd })
const tool = (name: string, args: string[], cwd = ROOT) =>
  run(join(ROOT, 'node_modules/.bin', name), args, { ...WITHIN, cwd })

beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'livedrop-client-'))
  built = join(place, 'built')
  await node(['client/build.mjs', built])
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', place], { ...WITHIN, cwd: built })
  tarball = join(place, readdirSync(place).find((file) => file.endsWith('.tgz')) ?? '')
  // As npm would install it: only what is in the tarball, and beside it a peer.
  const modules = join(place, 'app/node_modules')
  for (const folder of ['@livedrop/client', '@types']) mkdirSync(join(modules, folder), { recursive: true })
  await run('tar', ['xzf', tarball, '--strip-components=1', '-C', join(modules, '@livedrop/client')])
  for (const peer of ['react', '@types/react', 'socket.io-client', 'ws', '@types/ws'])
    symlinkSync(join(ROOT, 'node_modules', peer), join(modules, peer))
}, 240_000)

afterAll(() => rmSync(place, { recursive: true, force: true }))

describe('the client’s package', () => {
  it('[J22] is as its manifest says, by publint', async () => {
    const { stdout } = await tool('publint', ['run', '--strict', built])

    expect(stdout).not.toMatch(/^(Errors|Warnings):/m)
  })

  it('[J22] resolves with types from import, from require and from a bundler, by arethetypeswrong', async () => {
    // Without `exports` nobody finds a subpath: TypeScript’s old `node` resolution is left out.
    const { stdout } = await tool('attw', [tarball, '--profile', 'node16', '--format', 'json'])
    const { analysis } = JSON.parse(stdout) as {
      analysis: { entrypoints: object; problems: { resolutionKind?: string }[] }
    }

    expect(Object.keys(analysis.entrypoints)).toEqual([...SUBPATHS, './package.json'])
    expect(analysis.problems.filter(({ resolutionKind }) => resolutionKind !== 'node10')).toEqual([])
  })

  it('[J16] has a core of at most 8 KB, minified and compressed, by size-limit', async () => {
    const { stdout } = await tool('size-limit', ['--config', join(built, 'size-limit.json'), '--json'])
    const sizes = JSON.parse(stdout) as { name: string; passed: boolean; size: number; sizeLimit: number }[]

    console.log(sizes.map(({ name, size }) => `${name} ${size}`).join(', '))
    expect(sizes.filter(({ passed }) => !passed)).toEqual([])
    const said = [...README.matchAll(/^\| `@livedrop\/client(?:\/(\w+))?` \| ([\d.]+) kB/gm)]
    expect(said.map(([, name]) => name ?? 'core')).toEqual(sizes.map(({ name }) => name))
    for (const [at, { name, size }] of sizes.entries()) {
      expect(Math.abs(Number(said[at]?.[2]) * 1_000 - size), `${name} in the README`).toBeLessThan(300)
    }
    expect(sizes[0]).toMatchObject({ name: 'core', sizeLimit: 8_000 })
    expect(sizes[0]?.size).toBeGreaterThan(2_000)
  })

  it('[J22] does what its README says: the test runs, and every other example is typed', async () => {
    const example = (language: string) =>
      [...README.matchAll(/^```(\w+)\n(.*?)^```/gms)]
        .filter(([, one]) => one === language)
        .map(([, , code]) => code ?? '')
    const app = join(place, 'app')
    const [test = ''] = example('js')
    writeFileSync(join(app, 'readme-test.mjs'), test)
    await node([join(app, 'readme-test.mjs')], app)

    const typed = [...example('ts').map((code) => [code, 'mts']), ...example('tsx').map((code) => [code, 'tsx'])]
    const files = typed.map(([code = '', ending], n) => {
      const path = join(app, `readme-${n}.${ending}`)
      writeFileSync(path, code)
      return path
    })
    // What an example takes for granted: the app's own, and packages that are not installed here.
    writeFileSync(
      join(app, 'around.d.ts'),
      `declare const session: { accessToken(why: { refresh: boolean }): string | undefined }
declare const console: { log(what: unknown): void }
declare function render(phase: string, left: number | undefined): void
declare module 'react-native' {
  export const AppState: { addEventListener(type: 'change' | 'blur', call: (state: 'active' | 'background') => void): { remove(): void } }
}
declare module '@react-native-community/netinfo' {
  const NetInfo: { addEventListener(call: (state: { isConnected: boolean | null; type: string }) => void): () => void }
  export default NetInfo
}
`,
    )
    writeFileSync(join(app, 'package.json'), '{"type": "module"}')
    await tool('tsc', [...STRICT, '--skipLibCheck', '--jsx', 'react-jsx', join(app, 'around.d.ts'), ...files], app)
    expect(files).toHaveLength(5)
  }, 60_000)

  it.each(['import.mjs', 'require.cjs'])('[J22] works in a plain Node script: %s', async (script) => {
    const names = SUBPATHS.map((subpath) => `@livedrop/client${subpath.slice(1)}`)
    const load = script.endsWith('.cjs')
      ? `const modules = ${JSON.stringify(names)}.map((name) => require(name))`
      : `const modules = await Promise.all(${JSON.stringify(names)}.map((name) => import(name)))`
    const path = join(place, 'app', script)
    writeFileSync(
      path,
      `${load}
const [{ Client }, { msgpack }, { socketio }, { useDrop }, { ScriptedServer, HandWorld }] = modules
async function main() {
  const server = new ScriptedServer()
  const client = new Client({ transport: server.transport, world: new HandWorld() })
  const answer = client.order('drop', [{ sku: 'S-1', qty: 1 }])
  const link = await server.greeted()
  const [order] = link.take('order')
  link.say({ ...order, type: 'receipt', verdict: 'accepted', orderId: 'o' })
  const { verdict } = await answer
  console.log(verdict, msgpack.write({ type: 'hello' }).length, typeof socketio, typeof useDrop)
}
main()
`,
    )

    expect((await node([path], join(place, 'app'))).stdout).toBe('accepted 12 function function\n')
  })

  it('[J22] is read by TypeScript without zod, without a browser’s types and without Node’s', async () => {
    const path = join(place, 'app/app.mts')
    writeFileSync(
      path,
      `import { Client, wsTransport, type DropState, type OrderAnswer } from '@livedrop/client'
import { msgpack } from '@livedrop/client/msgpack'
import { socketio } from '@livedrop/client/socketio'
import { useDrop, useOrder } from '@livedrop/client/react'
import { ScriptedServer } from '@livedrop/client/testing'
const client = new Client({ transport: wsTransport('wss://live.example/ws', { format: msgpack }) })
const left: number | undefined = client.watch('drop').state?.items[0]?.left
const phase: 'open' | 'paused' | 'closed' | 'scheduled' | 'cancelled' | undefined = client.watch('drop').state?.phase
const answer: Promise<OrderAnswer> = client.order('drop', [{ sku: 'S-1', qty: 1 }])
client.watch('drop').on('left', (change) => change.left + 1)
// @ts-expect-error: a typo is found
client.watch('drop').on('lefft', () => undefined)
// @ts-expect-error: counts are numbers
const text: string | undefined = client.watch('drop').state?.items[0]?.left
export const all: [number | undefined, string | undefined, Promise<OrderAnswer>, unknown] = [left, phase, answer, text]
export const state = (one: DropState): string => one.drop
export const more = [socketio, new ScriptedServer()]
export const hooks: [DropState | undefined, Promise<OrderAnswer>] = [useDrop('drop'), useOrder('drop').order([])]
`,
    )
    await tool('tsc', [...STRICT, path], join(place, 'app'))
    const types = readdirSync(join(built, 'dist/types'), { recursive: true, encoding: 'utf8' })
    const libraries = types
      .filter((file) => /\.d\.c?ts$/.test(file))
      .flatMap((file) => [...readFileSync(join(built, 'dist/types', file), 'utf8').matchAll(/from '([^.'][^']*)'/g)])
    expect(new Set(libraries.map(([, library]) => library))).toEqual(new Set(['react']))
  }, 60_000)

  it('[J6] is refused by its build when its core names what only a browser or only Node has', async () => {
    const module = pathToFileURL(join(ROOT, 'client/build-types.mjs')).href
    const { protocolTypes } = (await import(module)) as { protocolTypes(folder: string, entries: string[]): unknown }
    const folder = join(place, 'elsewhere')
    mkdirSync(folder)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: join(ROOT, 'client/tsconfig.json') }))
    writeFileSync(join(folder, 'core.ts'), 'export const where = window.location\nexport const bytes = Buffer.of(1)\n')

    expect(() => protocolTypes(folder, ['core'])).toThrow(/'window'[\s\S]*'Buffer'/)
  })
})
