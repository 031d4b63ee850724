/** `npm run vectors`: writes docs/conformance/codec.json anew, after the wire has changed. */
import { writeFileSync } from 'node:fs'
import { codecVectors } from './codec-vectors.ts'
import { CODEC_FILE } from './files.ts'

writeFileSync(CODEC_FILE, `${JSON.stringify(codecVectors(), undefined, 2)}\n`)
