/**
 * Checks the one native binary that this process is about to load.
 *
 * uWebSockets.js is not on the npm registry under its own name; package.json takes a re-publication of the official
 * binaries, pinned, with the lock file's integrity hash over the whole package. This is the second look: the file itself,
 * at every start, before anything imports it. Binaries of other platforms are covered by the lock file alone.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Fault } from '../../protocol/faults.ts'

/** sha256 by file name. Linux on x64 with Node 20 (module version 115), from uWebSockets.js 20.x as re-published 3.0.6. */
const KNOWN: Readonly<Record<string, string>> = {
  'uws_linux_x64_115.node': 'f4fa5d7b697529b45ac8aa3d57385d9af51bc1d2b26aa9f5b68ca4361542e665',
}

export type Checked = 'same' | 'unknown'

/** Throws `misconfigured` when the file is another one than it should be. `folder` and `name` are for tests. */
export function checkUwsBinary(folder: string = packageFolder(), name: string = binaryName()): Checked {
  const expected = KNOWN[name]
  if (expected === undefined) return 'unknown'

  const found = createHash('sha256')
    .update(readFileSync(join(folder, name)))
    .digest('hex')
  if (found === expected) return 'same'

  const message = `${name} is not the file that was published: its sha256 is ${found}. Run \`npm ci\` again`
  throw new Fault('misconfigured', { name, found, expected }, { message })
}

function packageFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('uWebSockets.js'))
}

function binaryName(): string {
  return `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`
}
