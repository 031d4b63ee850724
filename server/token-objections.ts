/** Settings of tokens that contradict one another: said at the start, in every environment. */
import type { Objection } from './production.ts'

const ISSUER = ['LIVEDROP_JWT_ISSUER', 'LIVEDROP_JWT_AUDIENCE'] as const
const OWN_KEYS = ['LIVEDROP_JWT_KEY', 'LIVEDROP_JWT_KEY_PREVIOUS'] as const

export function tokenObjections(values: Readonly<Partial<Record<string, string>>>): Objection[] {
  const isElsewhere = values.LIVEDROP_JWKS_URL !== undefined
  const objections: Objection[] = []
  for (const variable of ISSUER) {
    if (isElsewhere && values[variable] === undefined) {
      objections.push({ variable, message: 'is not set, and LIVEDROP_JWKS_URL is' })
    }
    if (!isElsewhere && values[variable] !== undefined) {
      objections.push({ variable, message: 'is set, and LIVEDROP_JWKS_URL is not' })
    }
  }
  for (const variable of OWN_KEYS) {
    if (isElsewhere && values[variable] !== undefined) {
      objections.push({ variable, message: 'signs tokens here, and LIVEDROP_JWKS_URL says that others do' })
    }
  }
  if (values.LIVEDROP_JWT_KEY_PREVIOUS !== undefined && values.LIVEDROP_JWT_KEY === undefined) {
    objections.push({ variable: 'LIVEDROP_JWT_KEY', message: 'is not set, and LIVEDROP_JWT_KEY_PREVIOUS is' })
  }
  return objections
}
