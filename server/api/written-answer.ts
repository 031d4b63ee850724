/**
 * An answer as it goes over the wire: its headers and its bytes, written once and sent as often as it is kept.
 *
 * A public one carries a strong ETag of its very bytes, so that the same answer has the same tag on every node. What a
 * handler says as text or bytes, under a type that is not JSON, is sent as it is.
 */
import { createHash } from 'node:crypto'
import type { Endpoint } from '../../protocol/api/endpoint.ts'
import type { Answer } from './route.ts'

export interface WrittenAnswer {
  status: number
  headers: readonly (readonly [name: string, value: string])[]
  body: Uint8Array
  /** In its quotes. */
  etag: string | undefined
}

export const JSON_TYPE = 'application/json; charset=utf-8'

/** Throws for what cannot be said in JSON. */
export function writeAnswer({ status, body, headers }: Answer, cache: Endpoint['cache']): WrittenAnswer {
  const type = headers?.['content-type']
  const bytes = type === undefined ? Buffer.from(JSON.stringify(body)) : asBytes(body)
  const isPublic = cache !== 'private'
  const etag = isPublic && status === 200 ? etagOf(bytes) : undefined

  const all: Record<string, string> = {
    'content-type': JSON_TYPE,
    // To be kept by anybody, and asked after each time: an answer that nobody asks after could not be taken back.
    'cache-control': isPublic ? 'public, no-cache' : 'no-store',
    ...(etag === undefined ? {} : { etag }),
    ...headers,
  }
  return { status, headers: Object.entries(all), body: bytes, etag }
}

/** Whether somebody who has these tags (`If-None-Match`) has this answer. */
export function hasAlready(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === etag || ifNoneMatch === '*') return true

  // A cache on the way may have weakened the tag; for a read that is the same answer still.
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}

function asBytes(body: unknown): Uint8Array {
  return body instanceof Uint8Array ? body : Buffer.from(String(body))
}

function etagOf(bytes: Uint8Array): string {
  return `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`
}
