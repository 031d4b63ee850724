/**
 * From a copied request to what a handler is given, by the schemas of the row.
 *
 * Everything that is wrong is said at once, field by field, in our own words: a validator's message may repeat what was
 * sent. A path that does not parse names nothing, so it is not found; who may not read a thing hears the same.
 */
import type { z } from 'zod'
import type { Endpoint } from '../../protocol/api/endpoint.ts'
import type { Problem } from '../../protocol/api/problem.ts'
import { type IdempotencyKey, isIdempotencyKey } from '../../protocol/ids.ts'
import { type Refusal, refuse } from '../api/refusal.ts'
import type { AnyAsked } from '../api/route.ts'
import type { HttpQuestion } from './http-request.ts'

type Wrong = NonNullable<Problem['errors']>
const WRONG_MAX = 16
const AT_MAX = 120
const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i
const utf8 = new TextDecoder('utf-8', { fatal: true })

export type Input = Omit<AnyAsked, 'caller' | 'network'>

export function readInput(
  row: Endpoint,
  question: HttpQuestion,
  params: Readonly<Record<string, string>>,
  bytes: Buffer,
): Input | Refusal {
  const place = row.params?.safeParse(params)
  if (place?.success === false) return refuse('not_found', { detail: 'no such thing' })

  const key = readKey(row, question)
  if (typeof key === 'object') return key

  const body = readJson(question, bytes)
  if (typeof body === 'object' && body !== null && 'refused' in body) return body

  const wrong: Wrong = []
  const query = part('query', row.query, row.query === undefined ? undefined : readQuery(question.query, wrong), wrong)
  const headers = part('headers', row.headers, pick(row.headers, question.headers), wrong)
  const read = readBodyPart(row, body, wrong)
  if (wrong.length > 0) return refuse('bad_request', { errors: wrong.slice(0, WRONG_MAX) })

  return { params: place?.data, query, headers, body: read, key }
}

function readKey(row: Endpoint, { headers }: HttpQuestion): IdempotencyKey | undefined | Refusal {
  if (row.key === 'none') return undefined

  // The draft standard writes the key as a quoted string; most clients leave the quotes out.
  const key = headers.get('idempotency-key')?.replace(/^"(.*)"$/, '$1')
  if (key === undefined || key === '') {
    return row.key === 'required' ? refuse('key_required', { detail: 'send an Idempotency-Key header' }) : undefined
  }
  if (isIdempotencyKey(key)) return key
  return refuse('bad_request', {
    errors: [{ at: 'headers.idempotency-key', message: 'a key is 1 to 64 of A-Z a-z 0-9 . _ ~ -' }],
  })
}

/** Undefined for no body at all. */
function readJson({ headers }: HttpQuestion, bytes: Buffer): { json: unknown } | undefined | Refusal {
  if (bytes.length === 0) return undefined
  if (!JSON_TYPE.test(headers.get('content-type') ?? '')) {
    return refuse('unsupported_media_type', { detail: 'send application/json' })
  }
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') {
    return refuse('unsupported_media_type', { detail: 'send it uncompressed' })
  }
  try {
    return { json: JSON.parse(utf8.decode(bytes)) }
  } catch {
    // The parser's own message repeats what was sent.
    return refuse('bad_request', { errors: [{ at: 'body', message: 'not JSON in UTF-8' }] })
  }
}

function readBodyPart(row: Endpoint, body: { json: unknown } | undefined, wrong: Wrong): unknown {
  if (row.body !== undefined) {
    if (body !== undefined) return part('body', row.body, body.json, wrong)
    wrong.push({ at: 'body', message: 'is required' })
    return undefined
  }
  // `{}` is what clients send that cannot send nothing.
  const { json } = body ?? {}
  const isNothing = json === undefined || (typeof json === 'object' && json !== null && Object.keys(json).length === 0)
  if (!isNothing) wrong.push({ at: 'body', message: 'must be empty' })
  return undefined
}

/** A query field that comes twice has no meaning here. Fields that the row does not know are not looked at. */
function readQuery(query: string, wrong: Wrong): Record<string, string> {
  const fields: Record<string, string> = Object.create(null)
  for (const [name, value] of new URLSearchParams(query)) {
    if (name in fields) wrong.push({ at: `query.${shorten(name)}`, message: 'comes more than once' })
    fields[name] = value
  }
  return { ...fields }
}

function pick(schema: z.ZodType | undefined, headers: ReadonlyMap<string, string>): unknown {
  return schema === undefined ? undefined : Object.fromEntries(headers)
}

function part(place: string, schema: z.ZodType | undefined, given: unknown, wrong: Wrong): unknown {
  if (schema === undefined) return undefined

  const read = schema.safeParse(given)
  if (read.success) return read.data

  for (const issue of read.error.issues) wrong.push(...tell(place, issue))
  return undefined
}

function tell(place: string, issue: z.core.$ZodIssue): Wrong {
  const at = shorten([place, ...issue.path.map(String)].join('.'))
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, WRONG_MAX).map((key) => ({ at: shorten(`${at}.${key}`), message: 'unknown field' }))
  }
  return [{ at, message: issue.message }]
}

function shorten(at: string): string {
  return at.length <= AT_MAX ? at : `${at.slice(0, AT_MAX)}…`
}
