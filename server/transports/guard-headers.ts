/**
 * What every answer of the port carries, whoever writes it: its type is not guessed at, and where every way in speaks TLS,
 * a browser comes by nothing else from now on.
 *
 * Our own answers write these themselves. Engine.IO writes some of its own (a session it does not know, a body it finds too
 * long) and lets nobody add to them, so what it writes to is made to begin with them. What the library under both says to
 * bytes that are no request at all (400, 431, 505) is out of anybody's reach, and says nothing of ours.
 */
import type { HttpResponse } from 'uWebSockets.js'

export type GuardHeaders = readonly (readonly [name: string, value: string])[]

/** For a year. Not for other names of the domain: they are not this node's to promise for. */
const HTTPS_ONLY = 'max-age=31536000'

export function guardHeaders(httpsOnly: boolean): GuardHeaders {
  const nosniff = ['x-content-type-options', 'nosniff'] as const
  return httpsOnly ? [nosniff, ['strict-transport-security', HTTPS_ONLY]] : [nosniff]
}

/** Begins with them, however its writer begins: with a status, with a header, or with the body. */
export function guarded(res: HttpResponse, guard: GuardHeaders): HttpResponse {
  const writeStatus = res.writeStatus.bind(res)
  const writeHeader = res.writeHeader.bind(res)
  const end = res.end.bind(res)
  let isBegun = false
  const begin = (): void => {
    if (isBegun) return
    isBegun = true
    for (const [name, value] of guard) writeHeader(name, value)
  }
  res.writeStatus = (status) => {
    writeStatus(status)
    begin()
    return res
  }
  res.writeHeader = (name, value) => {
    begin()
    return writeHeader(name, value)
  }
  res.end = (...said) => {
    begin()
    return end(...said)
  }
  return res
}
