/**
 * Secrets in a text: those that are known, by their value, and whatever has the form of one that this product hands out.
 *
 * A value is looked for only if nobody could have written it by chance: a password of eight letters is also a word.
 */
const LENGTH_MIN = 16
const DIFFERENT_MIN = 8
const AROUND = 60

const FORMS: Readonly<Record<string, RegExp>> = {
  'access token': /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{43,}/g,
  // 78 bytes, of which the first is the version and the second a role (server/inbound/tickets.ts).
  'resume ticket': /(?<![\w-])Ag[A-P][\w-]{101}(?![\w-])/g,
  'refresh token': /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[\w-]{43}(?![\w-])/g,
  'private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----/g,
  'password hash': /\$argon2id\$v=\d+\$[^$\s]+\$[\w+/]{22}\$[\w+/]{43}/g,
  'address with a password': /\b(?:rediss?|nats|tls|postgres(?:ql)?):\/\/[^\s:@/]*:[^\s:@/]{16,}@/g,
}

export interface FoundSecret {
  what: string
  /** What stands around it, without it. */
  near: string
}

export function findSecrets(text: string, known: Iterable<string>): FoundSecret[] {
  const found: FoundSecret[] = []
  const note = (what: string, at: number, length: number) => {
    const before = text.slice(Math.max(0, at - AROUND), at)
    const after = text.slice(at + length, at + length + AROUND)
    found.push({ what, near: `${before}[cut]${after}`.replaceAll('\n', ' ') })
  }
  for (const secret of known) {
    const at = isUnmistakable(secret) ? text.indexOf(secret) : -1
    if (at >= 0) note('a secret of this run', at, secret.length)
  }
  for (const [what, form] of Object.entries(FORMS)) {
    for (const match of text.matchAll(form)) note(what, match.index, match[0].length)
  }
  return found
}

function isUnmistakable(secret: string): boolean {
  return secret.length >= LENGTH_MIN && new Set(secret).size >= DIFFERENT_MIN
}

/** Of the settings that a process is given: what is secret in them. */
export function secretsOf(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value = '']) => {
    if (/^LIVEDROP_JWT_(SECRET|KEY)/.test(name)) return value.split('\n').filter((line) => !line.startsWith('-----'))
    if (/_URL$/.test(name) && URL.canParse(value)) return [decodeURIComponent(new URL(value).password)]
    return []
  })
}
