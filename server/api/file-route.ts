/**
 * A file as a route: read once, kept like any public answer, with its own type.
 *
 * Such rows are not in the REST table, for files are no part of the contract.
 */
import { z } from 'zod'
import { endpoint } from '../../protocol/api/endpoint.ts'
import { answer, type Route, route } from './route.ts'

export const FILE_TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
} as const
export type FileType = keyof typeof FILE_TYPES

const KEPT_MS = 3_600_000

export function fileRoute(
  path: `/${string}`,
  type: FileType,
  read: () => Promise<Buffer>,
  headers: Readonly<Record<string, string>> = {},
): Route {
  const row = endpoint({
    ...{ name: 'file', method: 'get', path, tag: 'files', summary: 'A file.' },
    ...{ who: 'anyone', limit: 'read', key: 'none' },
    cache: { ms: KEPT_MS, shows: [] },
    answers: { 200: z.custom<Uint8Array>() },
    refusals: [],
    example: { answers: {} },
  })
  return route(row, async () => answer(200, await read(), { 'content-type': FILE_TYPES[type], ...headers }))
}
