/**
 * Messages that are wrong in one place, and messages that are right but not allowed: what a client says, whatever it is
 * encoded in, and the answer that the protocol promises. None of them ends a socket and none of them changes anything.
 */
import { buyer, dropOf } from '../builders/people.ts'
import { FIELD_KINDS, type FieldKind } from './field-values.ts'

export interface HostileMessage {
  name: string
  message: Record<string, unknown>
  /** The code of the error. */
  code: string
  /** Echoed where it can be read. */
  id: unknown
}

type Fields = Record<string, unknown>
export const CORPUS_DROP = dropOf('shoes')
const ORDER_ID = 'a'.repeat(26)
const position = { epoch: 1, seq: 1 }

/** A good message of each type, and the kind of each of its fields. `0` is the first of a list. */
export const GOOD: { message: Fields; kinds: Record<string, FieldKind> }[] = [
  {
    message: { type: 'order', id: 1, drop: CORPUS_DROP, key: 'k', lines: [{ sku: 'shoe', qty: 1 }] },
    kinds: {
      id: 'id',
      drop: 'uuid',
      key: 'key',
      lines: 'lines',
      'lines.0': 'lines',
      'lines.0.sku': 'sku',
      'lines.0.qty': 'qty',
    },
  },
  {
    message: { type: 'cancel', id: 1, orderId: ORDER_ID, drop: CORPUS_DROP, key: 'k' },
    kinds: { id: 'id', orderId: 'orderId', drop: 'uuid', key: 'key' },
  },
  {
    message: { type: 'watch', id: 1, drop: CORPUS_DROP, position },
    kinds: { id: 'id', drop: 'uuid', position: 'position', 'position.epoch': 'whole', 'position.seq': 'whole' },
  },
  { message: { type: 'unwatch', id: 1, drop: CORPUS_DROP }, kinds: { id: 'id', drop: 'uuid' } },
  {
    message: { type: 'outcomes', id: 1, drop: CORPUS_DROP, keys: ['k'] },
    kinds: { id: 'id', drop: 'uuid', keys: 'keys', 'keys.0': 'key' },
  },
  { message: { type: 'clock', t0: 1 }, kinds: { t0: 'time' } },
  { message: { type: 'auth', id: 1, token: 'x' }, kinds: { id: 'id', token: 'noText' } },
  {
    message: {
      type: 'hello',
      token: 'x',
      resume: { ticket: 'x', drops: [{ drop: CORPUS_DROP, position }], open: ['k'] },
    },
    kinds: {
      ...{
        token: 'noText',
        resume: 'noText',
        'resume.ticket': 'noText',
        'resume.open': 'noText',
        'resume.open.0': 'key',
      },
      ...{ 'resume.drops.0': 'position', 'resume.drops.0.drop': 'uuid', 'resume.drops.0.position': 'position' },
    },
  },
]

/** Every field of every message, with every value that its kind must refuse. */
export function wrongFields(): HostileMessage[] {
  return GOOD.flatMap(({ message, kinds }) =>
    Object.entries(kinds).flatMap(([at, kind]) =>
      FIELD_KINDS[kind]
        .filter((value) => !mayStand(at, value))
        .map((value): HostileMessage => {
          const wrong = replaced(message, at.split('.'), value) as Fields
          const name = `${message.type}.${at} = ${JSON.stringify(value).slice(0, 40)}`
          return { name, message: wrong, code: 'bad_request', id: at === 'id' || !('id' in message) ? undefined : 1 }
        }),
    ),
  )
}

/** What a list may be although a line may not. */
function mayStand(at: string, value: unknown): boolean {
  return at === 'resume.open' && Array.isArray(value) && value.length === 0
}

const twice = (fields: number) => Object.fromEntries(Array.from({ length: fields }, (_, at) => [`f${at}`, at]))
const order = { type: 'order', id: 1, drop: CORPUS_DROP, key: 'k', lines: [{ sku: 'shoe', qty: 1 }] }

/** Wrong as a whole. */
export const WRONG_SHAPES: HostileMessage[] = [
  ...['dance', '', 'ORDER', 'order ', 'order\0', '__proto__', 'constructor', 'toString', 'x'.repeat(300)].map(
    (type) => ({
      name: `a type ${JSON.stringify(type.slice(0, 20))}`,
      message: { type, id: 1 },
      code: 'unknown_type',
      id: 1,
    }),
  ),
  { name: 'an order without a drop', message: { ...order, drop: undefined }, code: 'bad_request', id: 1 },
  { name: 'an order without a key', message: { ...order, key: undefined }, code: 'bad_request', id: 1 },
  { name: 'an order without lines', message: { ...order, lines: undefined }, code: 'bad_request', id: 1 },
  {
    name: 'an order of 200 unknown fields',
    message: { type: 'order', id: 1, ...twice(200) },
    code: 'bad_request',
    id: 1,
  },
  {
    name: 'a hello that resumes 33 drops',
    message: { type: 'hello', resume: { drops: Array(33).fill(0), open: [] } },
    code: 'bad_request',
    id: undefined,
  },
  {
    name: 'a hello that asks for 65 orders',
    message: { type: 'hello', resume: { drops: [], open: Array(65).fill('k') } },
    code: 'bad_request',
    id: undefined,
  },
]

/** Well formed, and answered to nobody who has not said hello. An order is answered as an order. */
export const TOO_EARLY = GOOD.map(({ message }) => message).filter(({ type }) => type !== 'hello')

export interface ForbiddenMessage {
  name: string
  message: Fields
  answer: object
}

/** Well formed, said by a signed-in user, and not for them. `user` and the rest are fields that nobody reads. */
export const FORBIDDEN: ForbiddenMessage[] = [
  { name: 'a second hello', message: { type: 'hello' }, answer: { type: 'error', code: 'conflict' } },
  {
    name: 'another user’s token',
    message: { type: 'auth', id: 1, token: 'token-of-ben' },
    answer: { code: 'forbidden', id: 1 },
  },
  {
    name: 'a forged token',
    message: { type: 'auth', id: 2, token: 'eyJhbGciOiJub25lIn0.e30.' },
    answer: { code: 'unauthorized', id: 2 },
  },
  {
    name: 'another user’s order',
    message: { type: 'cancel', id: 3, orderId: ORDER_ID, user: buyer('ben') },
    answer: { type: 'receipt', id: 3, verdict: 'invalid' },
  },
]

function replaced(value: unknown, [first, ...rest]: string[], by: unknown): unknown {
  if (first === undefined) return by
  if (Array.isArray(value)) return value.map((part, at) => (at === Number(first) ? replaced(part, rest, by) : part))

  const fields = value as Fields
  return { ...fields, [first]: replaced(fields[first], rest, by) }
}
