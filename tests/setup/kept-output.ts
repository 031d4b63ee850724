/**
 * No secret in anything that a run of the tests says: what vitest prints and what every process says that a test starts is
 * kept until the end and searched then, and a run that said one fails.
 */
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { KNOWN_SECRETS, keepChildren } from './kept-children.ts'
import { findSecrets } from './secrets.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    keptOutput: string
  }
}

/** A secret in a loop says nothing more the hundredth time. */
const TOLD_MAX = 20

export default function keepOutput(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'livedrop-said-'))
  const release = [process.stdout, process.stderr].map((stream) => keepStream(stream, join(folder, 'vitest')))
  keepChildren(folder)
  project.provide('keptOutput', folder)

  return () => {
    for (const letGo of release) letGo()
    const found = search(folder)
    rmSync(folder, { recursive: true, force: true })
    if (found.length === 0) return

    for (const line of found.slice(0, TOLD_MAX)) console.error(line)
    console.error(`secrets in what this run said: ${found.length}`)
    process.exitCode = 1
  }
}

function search(folder: string): string[] {
  const list = join(folder, KNOWN_SECRETS)
  const known = new Set(existsSync(list) ? readFileSync(list, 'utf8').split('\n') : [])
  const files = readdirSync(folder).filter((file) => file !== KNOWN_SECRETS)
  return files.flatMap((file) =>
    findSecrets(readFileSync(join(folder, file), 'utf8'), known).map(({ what, near }) => `${file}: ${what}: ${near}`),
  )
}

function keepStream(stream: NodeJS.WriteStream, file: string): () => void {
  const write = stream.write
  stream.write = function keep(this: NodeJS.WriteStream, chunk: string | Uint8Array, ...rest: never[]) {
    appendFileSync(file, chunk)
    return write.call(this, chunk, ...rest)
  } as typeof write
  return () => {
    stream.write = write
  }
}
