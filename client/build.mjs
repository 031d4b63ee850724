// `npm run build:client [folder]`: the client as the package that is published, in dist/packages/client.
//
// Each entry is one file of ESM and one of CommonJS. The core is compiled with the types of the language alone, so a name
// of a browser's or of Node's in it is an error here. Declarations are emitted file by file, for import and for require;
// what they take from the protocol is written out (build-types.mjs), so that nobody needs zod to read them.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { build } from 'esbuild'
import { protocolTypes } from './build-types.mjs'

const HERE = import.meta.dirname
const OUT = resolve(process.argv[2] ?? join(HERE, '../dist/packages/client'))
const ENTRIES = ['client', 'msgpack', 'socketio', 'react', 'testing']

rmSync(OUT, { recursive: true, force: true })
for (const [format, extension] of [
  ['esm', '.js'],
  ['cjs', '.cjs'],
]) {
  await build({
    entryPoints: ENTRIES.map((entry) => join(HERE, `${entry}.ts`)),
    outdir: join(OUT, 'dist'),
    outExtension: { '.js': extension },
    ...{ bundle: true, format, platform: 'neutral', target: 'es2022', external: ['react'] },
  })
}

for (const [path, text] of protocolTypes(HERE, ENTRIES)) {
  const to = join(OUT, 'dist/types', path)
  mkdirSync(dirname(to), { recursive: true })
  writeFileSync(to, text.replaceAll(/(from\s+|import\()'(\.[^']+)\.ts'/g, "$1'$2.js'"))
  writeFileSync(to.replace(/\.ts$/, '.cts'), text.replaceAll(/(from\s+|import\()'(\.[^']+)\.ts'/g, "$1'$2.cjs'"))
}

// The folder in the tree must never be published; this one may be.
const { private: _, ...manifest } = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8'))
writeFileSync(join(OUT, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
for (const file of ['README.md', 'size-limit.json']) cpSync(join(HERE, file), join(OUT, file))
console.log(`${manifest.name} ${manifest.version} in ${relative(process.cwd(), OUT) || '.'}`)
