// `npm run build`: the sources as plain JavaScript in dist/, with the Lua and SQL files beside them, and the client as a
// package in dist/packages/client.
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'

rmSync('dist', { recursive: true, force: true })
const tsc = createRequire(import.meta.url).resolve('typescript/lib/tsc.js')
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })

cpSync('storage', 'dist/storage', { recursive: true, filter: (path) => !path.endsWith('.ts') })
cpSync('server/api/docs', 'dist/server/api/docs', { recursive: true })
cpSync('cli/demo/pictures', 'dist/cli/demo/pictures', { recursive: true })
cpSync('cli/livedrop.mjs', 'dist/cli/livedrop.mjs')
cpSync('package.json', 'dist/package.json')

execFileSync(process.execPath, ['client/build.mjs'], { stdio: 'inherit' })
