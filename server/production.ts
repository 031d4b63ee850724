/**
 * What production refuses to start with: secrets that anybody could guess, stores that anybody could enter, and a door
 * that is open to every web page. Each of these is comfortable while developing and has cost somebody a company.
 */
export interface Objection {
  variable: string
  message: string
}

type Values = Readonly<Partial<Record<string, string>>>

/** Found in documentation, examples and other people's repositories; as a whole or as the beginning. */
const KNOWN_SECRETS = [
  'secret',
  'changeme',
  'change-me',
  'change_me',
  'default',
  'development',
  'livedrop',
  'password',
  'test',
]
const KNOWN_PASSWORDS = new Set([
  'postgres',
  'password',
  'livedrop',
  'secret',
  'changeme',
  'redis',
  'nats',
  'admin',
  'test',
])
const SECRETS = ['LIVEDROP_JWT_SECRET', 'LIVEDROP_JWT_SECRET_PREVIOUS']
const STORES = ['REDIS_URL', 'NATS_URL', 'DATABASE_URL']
/** A random secret of 32 bytes has some 28 different ones; one that was typed or repeated has few. */
const DIFFERENT_BYTES_MIN = 8

export function productionObjections(values: Values): Objection[] {
  const objections: Objection[] = []

  for (const variable of SECRETS) {
    const secret = values[variable]
    if (secret !== undefined && isGuessable(secret)) {
      objections.push({ variable, message: 'is a default or repeats itself; use `openssl rand -hex 32`' })
    }
  }
  if (values.LIVEDROP_JWKS_URL?.startsWith('http:') === true) {
    objections.push({ variable: 'LIVEDROP_JWKS_URL', message: 'must be https: whoever is on the way could add a key' })
  }
  if (values.LIVEDROP_TLS_CERT === undefined && values.LIVEDROP_TRUST_PROXY_TLS !== 'on') {
    const message = 'is not set, and LIVEDROP_TRUST_PROXY_TLS does not say that a proxy speaks TLS'
    objections.push({ variable: 'LIVEDROP_TLS_CERT', message })
  }
  for (const variable of STORES) {
    // Only NATS has several addresses; a comma in another one may be part of its password.
    const urls = variable === 'NATS_URL' ? values[variable]?.split(',') : [values[variable] ?? '']
    const why = weakCredentials(urls ?? [])
    if (why !== undefined) objections.push({ variable, message: why })
  }
  if (values.LIVEDROP_ORIGINS?.split(',').some((origin) => origin.trim() === '*') === true) {
    objections.push({ variable: 'LIVEDROP_ORIGINS', message: 'must name the origins; `*` lets every web page in' })
  }
  if (values.LIVEDROP_LIMITS === 'none') {
    objections.push({ variable: 'LIVEDROP_LIMITS', message: 'must not be none; raise the limits that are in the way' })
  }
  return objections
}

function isGuessable(secret: string): boolean {
  if (new Set(Buffer.from(secret)).size < DIFFERENT_BYTES_MIN) return true
  if (KNOWN_SECRETS.some((known) => secret.toLowerCase().startsWith(known))) return true

  // The whole is a short piece again and again, as in "abcdefghabcdefgh…".
  return (secret + secret).indexOf(secret, 1) < secret.length
}

/** Of several addresses one with credentials is enough: they count for all (bus/nats-address.ts). */
function weakCredentials(texts: readonly string[]): string | undefined {
  const urls = texts.filter((text) => URL.canParse(text)).map((text) => new URL(text))
  if (urls.length === 0) return undefined
  if (urls.every(({ username, password }) => username === '' && password === '')) return 'has no credentials'

  const isKnown = urls.some(({ password }) => KNOWN_PASSWORDS.has(unescaped(password).toLowerCase()))
  return isKnown ? 'has a default password' : undefined
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a percent sign that is no escape: whoever connects takes it as it stands
  }
}
