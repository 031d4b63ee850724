/** What a phone downloads: the client's core in one file, as an app's bundler would make it. */

import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

const CORE_BYTES_MAX = 8 * 1024

describe('the client’s core', () => {
  it('[J16] is at most 8 KB minified and compressed, and holds nothing but its own files', async () => {
    const built = await build({
      entryPoints: [join(import.meta.dirname, '../client/client.ts')],
      ...{
        bundle: true,
        minify: true,
        write: false,
        metafile: true,
        format: 'esm',
        platform: 'neutral',
        target: 'es2022',
      },
    })

    const inputs = Object.keys(built.metafile.inputs)
    const bytes = gzipSync(built.outputFiles[0]?.contents ?? '', { level: 9 }).length
    console.log(`client core: ${built.outputFiles[0]?.contents.length} bytes minified, ${bytes} gzip`)
    expect(inputs.filter((input) => !/^client\/[a-z-]+\.ts$/.test(input))).toEqual([])
    expect(bytes).toBeGreaterThan(2_000)
    expect(bytes).toBeLessThanOrEqual(CORE_BYTES_MAX)
  })
})
