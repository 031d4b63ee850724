/**
 * A request, copied out of uWebSockets.js while it is still there.
 *
 * Its request object lives on the C++ stack for as long as the handler runs and not a tick longer, so everything that
 * may be needed is copied in the first lines, before anything can wait.
 *
 * A header that is meant to be there once and comes twice is refused: two servers in a row that pick different ones is
 * how a request is smuggled past the first.
 */

import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import { randomUUID } from 'node:crypto'

export interface HttpQuestion {
  /** Lower case. */
  method: string
  path: string
  /** Without the question mark. */
  query: string
  headers: ReadonlyMap<string, string>
  /** A header that must not come twice and did. */
  repeated: string | undefined
  /** Nobody can be sure where its body ends, so nothing behind it on the connection may be believed. */
  isEndless: boolean
  /** Of all that stands before the body. */
  headBytes: number
  /** Of the other end of the connection. */
  address: string
  /** The client's, if it gave a usable one; in every answer and every line of the log. */
  requestId: string
}

const SINGLE: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'transfer-encoding',
  'authorization',
  'origin',
  'idempotency-key',
])
/** They say where a body ends. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding'])
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/
const text = new TextDecoder()

export function copyQuestion(res: HttpResponse, req: HttpRequest): HttpQuestion {
  const headers = new Map<string, string>()
  let repeated: string | undefined
  let isEndless = false
  let headBytes = 0
  req.forEach((name, value) => {
    headBytes += name.length + value.length
    if (SINGLE.has(name) && headers.has(name)) repeated = name
    isEndless ||= isDoubtful(name, value) || (FRAMING.has(name) && headers.has(name))
    // Its lines are one list, whoever added them.
    const before = name === 'x-forwarded-for' ? headers.get(name) : undefined
    headers.set(name, before === undefined ? value : `${before},${value}`)
  })
  const [path, query] = [req.getUrl(), req.getQuery() ?? '']
  const given = headers.get('x-request-id') ?? ''
  return {
    method: req.getMethod(),
    ...{ path, query, headers, headBytes: headBytes + path.length + query.length },
    repeated,
    isEndless,
    address: text.decode(res.getRemoteAddressAsText()),
    requestId: REQUEST_ID.test(given) ? given : randomUUID(),
  }
}

/** The library takes every coding for chunks, an empty length for none, and of two lengths the first. */
function isDoubtful(name: string, value: string): boolean {
  if (name === 'transfer-encoding') return value.toLowerCase() !== 'chunked'
  return name === 'content-length' && value === ''
}
