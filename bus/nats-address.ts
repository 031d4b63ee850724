/**
 * Where NATS is and who we are there, from one URL: `nats://user:password@host:4222`, several separated by commas.
 *
 * nats.js takes servers and credentials apart and would read a password in a URL as part of the host name. The servers
 * of one cluster share their accounts, so the first credentials count for all.
 */
import { Fault } from '../protocol/faults.ts'

export interface NatsAddress {
  servers: string[]
  user: string | undefined
  password: string | undefined
  token: string | undefined
  /** `tls://` asks for TLS; with `nats://` the server decides. */
  tls: boolean
}

export function parseNatsUrl(text: string): NatsAddress {
  const urls = text.split(',').map((part) => {
    const url = URL.canParse(part.trim()) ? new URL(part.trim()) : undefined
    const known = url?.protocol === 'nats:' || url?.protocol === 'tls:'
    if (url === undefined || !known || url.hostname === '') throw misconfigured()
    return url
  })

  const known = urls.find((url) => url.username !== '')
  const name = known === undefined ? undefined : unescaped(known.username)
  const password = known === undefined || known.password === '' ? undefined : unescaped(known.password)
  return {
    servers: urls.map((url) => `${url.hostname}:${url.port || '4222'}`),
    user: password === undefined ? undefined : name,
    password,
    token: password === undefined ? name : undefined,
    tls: urls.some((url) => url.protocol === 'tls:'),
  }
}

export function isNatsUrl(text: string): boolean {
  try {
    parseNatsUrl(text)
    return true
  } catch {
    return false
  }
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw misconfigured() // the error repeats nothing, but names no setting
  }
}

/** The text is not in the fault: it may hold a password. */
function misconfigured(): Fault {
  return new Fault('misconfigured', { setting: 'NATS URL' }, { message: 'a NATS URL looks like nats://host:4222' })
}
