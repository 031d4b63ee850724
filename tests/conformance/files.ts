/** Where the vectors are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, '../../docs/conformance')

export const CODEC_FILE = join(FOLDER, 'codec.json')
export const CLIENT_FILE = join(FOLDER, 'client.json')
export const SERVER_FILE = join(FOLDER, 'server.json')

/** As written: what is not in there fails where it is looked for. */
export function vectorsOf<Vectors>(file: string): Vectors {
  return JSON.parse(readFileSync(file, 'utf8')) as Vectors
}
