/** What Node is told about the memory of a node is the same wherever nodes are started, and Node understands it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { NODE_FLAGS } from '../stack/node-flags.ts'

describe('the memory of a node', () => {
  it('[FF20] is bounded by the same flags in the image as in a local stack', () => {
    const dockerfile = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8')
    const command = /^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]'

    expect(JSON.parse(command)).toEqual(['node', ...NODE_FLAGS, 'cli/livedrop.mjs', 'serve'])
  })

  it('[FF20] is bounded by flags that this Node knows', () => {
    expect(execFileSync(process.execPath, [...NODE_FLAGS, '-p', '"runs"'], { encoding: 'utf8' })).toBe('runs\n')
  })
})
