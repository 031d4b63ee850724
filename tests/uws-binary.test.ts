import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkUwsBinary } from '../server/transports/uws-binary.ts'

describe('the native binary', () => {
  it('[X6] is the one that was published', () => {
    const isKnownPlatform = process.platform === 'linux' && process.arch === 'x64' && process.versions.modules === '115'

    expect(checkUwsBinary()).toBe(isKnownPlatform ? 'same' : 'unknown')
  })

  it('[X6] is refused when a byte of it was changed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'livedrop-test-'))
    const name = 'uws_linux_x64_115.node'
    writeFileSync(join(folder, name), 'something else')

    expect(() => checkUwsBinary(folder, name)).toThrow(/not the file that was published/)
    rmSync(folder, { recursive: true })
  })
})
