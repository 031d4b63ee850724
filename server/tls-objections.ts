/** A certificate without its key: said at the start, everywhere. What is in the files is looked at where they are used. */
import type { Objection } from './production.ts'

type Values = Readonly<Partial<Record<string, string>>>

export function tlsObjections({ LIVEDROP_TLS_CERT: certificate, LIVEDROP_TLS_KEY: key }: Values): Objection[] {
  if (certificate !== undefined && key === undefined) {
    return [{ variable: 'LIVEDROP_TLS_KEY', message: 'is not set, and LIVEDROP_TLS_CERT is' }]
  }
  if (certificate === undefined && key !== undefined) {
    return [{ variable: 'LIVEDROP_TLS_CERT', message: 'is not set, and LIVEDROP_TLS_KEY is' }]
  }
  return []
}
