/**
 * `/pictures/…`: the files of one folder, for whoever has no place of their own for pictures yet; the demo's are here.
 *
 * What there is, is looked up once when the node starts: no name in an address ever becomes a path. A picture is shown
 * and never obeyed: its policy lets an SVG load nothing and run nothing.
 */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FileType, fileRoute } from './file-route.ts'
import type { Route } from './route.ts'

const NAME = /^[a-z0-9-]{1,64}\.(svg|png|jpg|webp)$/
const PICTURES_MAX = 1_000
const POLICY = { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox" }

/** Throws when the folder cannot be read: a wrong setting is said at the start. */
export function pictureRoutes(folder: string): Route[] {
  const names = readdirSync(folder).filter((name) => NAME.test(name))
  return names.slice(0, PICTURES_MAX).map((name) => {
    const type = name.slice(name.lastIndexOf('.') + 1) as FileType
    return fileRoute(`/pictures/${name}`, type, () => readFile(join(folder, name)), POLICY)
  })
}
