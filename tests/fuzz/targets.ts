/**
 * Every reader of what strangers send, each with good input to begin from and what must hold of whatever it says.
 *
 * `take` answers in a word what kind of answer it was, and throws when the answer cannot be true: a reader that throws,
 * reads what nobody wrote, or reads back otherwise than it was read.
 */
import { deepStrictEqual, ok } from 'node:assert/strict'
import { unpack } from 'msgpackr'
import { readEntry, writeEntry } from '../../bus/entries.ts'
import {
  readControlReply,
  readOrderReplies,
  readQuestion,
  writeControl,
  writeOrderReplies,
  writeOrders,
} from '../../bus/letter-bodies.ts'
import { parseNatsUrl } from '../../bus/nats-address.ts'
import { readBody } from '../../bus/reading.ts'
import { SurrenderedParts, writeSurrendered } from '../../bus/surrender-parts.ts'
import { ENDPOINTS } from '../../protocol/api/endpoints.ts'
import { decodeFrame, encode, packBody, unpackBody } from '../../protocol/codec.ts'
import { Fault } from '../../protocol/faults.ts'
import { formatLines, parseLines } from '../../protocol/lines.ts'
import { orderSchema } from '../../protocol/messages/order.ts'
import { decodeMsgpack } from '../../protocol/msgpack-decoder.ts'
import { formatPosition, parsePosition } from '../../protocol/position.ts'
import { hearEvent } from '../../protocol/socketio-packet.ts'
import { readOrder, readUp } from '../../protocol/up-reader.ts'
import { dropOrderPlaceSchema } from '../../server/api/drop-orders.ts'
import { dropPlaceSchema } from '../../server/api/drops.ts'
import { orderPlaceSchema } from '../../server/api/orders.ts'
import { formatCursor, parseCursor } from '../../server/api/page.ts'
import { preferredWaitMs } from '../../server/api/prefer.ts'
import { readConfig } from '../../server/config.ts'
import { Addresses, isAddressOrNetwork } from '../../server/inbound/addresses.ts'
import { KeyRing } from '../../server/inbound/key-ring.ts'
import { Tickets } from '../../server/inbound/tickets.ts'
import { Tokens } from '../../server/inbound/tokens.ts'
import { SETTINGS } from '../../server/settings.ts'
import { readInput } from '../../server/transports/http-input.ts'
import { at } from '../builders/edge-world.ts'
import { silent } from '../builders/logs.ts'
import { ask, buyer, dropOf, nodeOf } from '../builders/people.ts'
import { JSON_NOISE, MSGPACK_LARGE, MSGPACK_NOISE, NOT_UTF8 } from '../corpus/bytes.ts'
import { TEXTS } from '../corpus/field-values.ts'
import { GOOD, WRONG_SHAPES, wrongFields } from '../corpus/messages.ts'
import { BEFORE_CONNECT, PACKETS } from '../corpus/packets.ts'

export interface FuzzTarget {
  name: string
  seeds: readonly Uint8Array[]
  take(bytes: Uint8Array): string | Promise<string>
}

const NOW_MS = Date.UTC(2030, 0, 1)
const SECRET = 'a secret for tests, 32 bytes at least, known to nobody'
const drop = dropOf('shoes')
const texts = (...all: string[]) => all.map((text) => new Uint8Array(Buffer.from(text)))
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')
const noise = [...JSON_NOISE, ...MSGPACK_NOISE, ...NOT_UTF8].map(({ bytes }) => bytes)
const messages = [
  ...GOOD.map(({ message }) => message),
  ...[...wrongFields(), ...WRONG_SHAPES].map(({ message }) => message),
]
const encoded = (format: 'json' | 'msgpack') =>
  messages.map((one) => new Uint8Array(Buffer.from(encode(one as never, format))))

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(bytes))
  } catch {
    return undefined
  }
}

/** A frame is messages or a fault, and a message that was read is read again from what it is written as. */
function frame(bytes: Uint8Array, format: 'json' | 'msgpack'): string {
  const decoded = decodeFrame(bytes, format)
  if ('fault' in decoded) return decoded.fault.code

  ok(decoded.messages.length >= 1 && decoded.messages.length <= 64)
  const words = new Set<string>()
  for (const heard of decoded.messages) {
    if ('fault' in heard) {
      words.add(heard.fault.message)
      continue
    }
    words.add(heard.message.type)
    deepStrictEqual(readUp(heard.message), heard)
  }
  ok(!('polluted' in {}) && !('isAdmin' in {}))
  return [...words].sort().join()
}

const claims = ['a', 'b'].map((name) => ask(drop, name))
const position = at(1, 5)
const entry = { kind: 'order' as const, position, atMs: NOW_MS, ...ask(drop, 'ana') }
const bodies = [
  writeOrders(claims.map((claim) => ({ kind: 'order' as const, claim, via: nodeOf('n'), deadlineMs: NOW_MS }))),
  writeControl({
    kind: 'control',
    opId: 'op',
    adjustment: { kind: 'restock', lines: claims[0]?.lines as never },
    deadlineMs: 1,
  }),
  writeOrderReplies([
    { verdict: 'accepted', position, left: [{ sku: 'shoe' as never, left: 3 }] },
    { verdict: 'pending', retryAfterMs: 5 },
  ]),
  ...writeSurrendered(drop, nodeOf('n'), {
    journal: [() => [entry, { ...entry, kind: 'phase', opId: 'o', phase: 'open' }]],
    position,
    batch: 3,
  }),
  packBody({ done: 'applied', phase: 'open', position }),
  packBody(writeEntry(entry)),
]

/** Whatever one reader of the bus believes, it writes as the same again. */
function body(bytes: Uint8Array): string {
  let value: unknown
  try {
    value = unpackBody(bytes)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    return `unreadable: ${String(thrown.cause).replaceAll(/\d+/g, '').slice(0, 40)}`
  }
  const said: string[] = [Array.isArray(value) ? `a list of ${value.length}` : typeof value]
  const read = <T>(name: string, reader: (value: unknown) => T | undefined, write: (known: T) => unknown) => {
    const known = readBody('s', bytes, reader, silent)
    if (known === undefined) return
    said.push(name)
    deepStrictEqual(readBody('s', packBody(write(known)), reader, silent), known)
  }
  read('entry', readEntry, writeEntry)
  read(
    'replies',
    (value) => readOrderReplies(value, 2),
    (known) => unpack(writeOrderReplies(known)),
  )
  read('control reply', readControlReply, (known) => known)
  readBody('s', bytes, readQuestion, silent)
  const parts = new SurrenderedParts(drop, silent)
  parts.add('s', bytes)
  said.push(`parts ${parts.all().length}`)
  return said.join()
}

const tickets = new Tickets(SECRET, () => NOW_MS)
const keys = new KeyRing({ secret: SECRET, previousSecret: `${SECRET} before` }, () => NOW_MS)
const tokens = new Tokens(keys, { nowMs: () => NOW_MS, rememberedMax: 8 })
const identity = { user: buyer('ana'), role: 'fan', expiresAtMs: NOW_MS + 60_000 } as const
const goodTickets = [tickets.issue(identity), tickets.issue({ ...identity, role: 'admin', standing: 7, issuedAtMs: 5 })]
const goodTokens = await Promise.all(
  [identity, { ...identity, role: 'creator' as const, standing: 3 }].map(async (to) => (await tokens.issue(to)).token),
)
const trusting = new Addresses(['127.0.0.1', '10.0.0.0/8', 'fd00::/8'])
const withBody = ENDPOINTS.filter((row) => row.body !== undefined)
const withQuery = ENDPOINTS.filter((row) => row.query !== undefined)

function asked(row: (typeof ENDPOINTS)[number], query: string, bytes: Uint8Array): string {
  const headers = new Map([
    ['content-type', 'application/json'],
    ['idempotency-key', 'k'],
  ])
  const question = {
    method: row.method,
    path: row.path,
    query,
    headers,
    repeated: undefined,
    isEndless: false,
    headBytes: 0,
    address: '',
    requestId: 'r',
  }
  const input = readInput(row, question, (row.example.params ?? {}) as Record<string, string>, Buffer.from(bytes))
  if (!('refused' in input)) return `${row.name} taken`

  ok(JSON.stringify(input).length < 8_192, 'a refusal is short, whatever was sent')
  return `${row.name} ${JSON.stringify(input).slice(0, 160)}`
}

export const TARGETS: FuzzTarget[] = [
  { name: 'JSON frames', seeds: [...noise, ...encoded('json')], take: (bytes) => frame(bytes, 'json') },
  {
    name: 'MessagePack frames',
    seeds: [...noise, ...encoded('msgpack')],
    take(bytes) {
      const value = decodeMsgpack(bytes)
      // What the strict one takes, the general one reads as the same.
      if (value !== undefined) deepStrictEqual(unpackBody(bytes), value)
      return frame(bytes, 'msgpack')
    },
  },
  {
    name: 'messages',
    seeds: encoded('json'),
    take(bytes) {
      const value = parsed(bytes)
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        const order = orderSchema.safeParse(value)
        deepStrictEqual(readOrder(value as Record<string, unknown>), order.success ? order.data : undefined)
      }
      const heard = readUp(value)
      return 'fault' in heard ? heard.fault.message : heard.message.type
    },
  },
  {
    name: 'Socket.IO events',
    seeds: texts(
      ...PACKETS.map(({ packet }) => packet),
      ...BEFORE_CONNECT,
      ...messages.map((one) => `42${JSON.stringify([one.type, one])}`),
    ),
    take(bytes) {
      const value = parsed(bytes.subarray(2))
      if (!Array.isArray(value)) return 'no event'

      const [name, payload] = value as unknown[]
      const heard = hearEvent(name, payload, 0)
      if ('message' in heard) ok(heard.message.type === name)
      return 'fault' in heard ? heard.fault.message : heard.message.type
    },
  },
  {
    name: 'bus bodies',
    seeds: [...MSGPACK_NOISE, ...MSGPACK_LARGE].map(({ bytes }) => bytes).concat(bodies),
    take: body,
  },
  {
    name: 'REST bodies',
    seeds: withBody.map((row) => new Uint8Array(Buffer.from(JSON.stringify(row.example.body)))),
    take(bytes) {
      return withBody
        .map((row) => asked(row, '', bytes))
        .join()
        .slice(0, 2_000)
    },
  },
  {
    name: 'REST queries',
    seeds: texts(
      'limit=5',
      'q=a',
      'limit=5&cursor=WzEsImEiXQ',
      'unread=true&limit=1',
      ...TEXTS.map((text) => `q=${text}`),
    ),
    take: (bytes) => withQuery.map((row) => asked(row, textOf(bytes), new Uint8Array())).join(),
  },
  {
    name: 'tickets',
    seeds: texts(...goodTickets, ...TEXTS),
    take(bytes) {
      const text = textOf(bytes)
      const verified = tickets.verify(text)
      ok(typeof verified === 'string' || goodTickets.includes(text), 'a forged ticket was believed')
      return typeof verified === 'string' ? verified : 'good'
    },
  },
  {
    name: 'tokens',
    seeds: texts(...goodTokens, ...TEXTS, 'eyJhbGciOiJub25lIn0.e30.'),
    async take(bytes) {
      const text = textOf(bytes)
      const verified = await tokens.verify(text)
      ok(typeof verified === 'string' || goodTokens.includes(text), 'a forged token was believed')
      return typeof verified === 'string' ? verified : 'good'
    },
  },
  {
    name: 'cursors',
    seeds: texts(
      formatCursor({ acceptedAtMs: NOW_MS, orderId: 'a'.repeat(26) }),
      formatCursor({ opensAtMs: NOW_MS, drop }),
      formatCursor({ buyer: buyer('ana'), key: 'k' }),
      ...TEXTS,
    ),
    take(bytes) {
      // The text of one, written anew, or any text.
      for (const text of [textOf(bytes), Buffer.from(bytes).toString('base64url')]) {
        const found = [orderPlaceSchema, dropPlaceSchema, dropOrderPlaceSchema].filter((schema) => {
          const place = parseCursor<object>(text, schema)
          if (place !== undefined) deepStrictEqual(parseCursor<object>(formatCursor(place), schema), place)
          if (place !== undefined && 'acceptedAtMs' in place) {
            ok(!Number.isNaN(new Date(Number(place.acceptedAtMs)).getTime()))
          }
          return place !== undefined
        })
        if (found.length > 0) return 'read'
      }
      return 'no cursor'
    },
  },
  {
    name: 'positions and lines',
    seeds: texts('1-1', '0-0', '9007199254740991-9007199254740991', 'RED-M:1', 'a:1,b:1000', 'a:1,a:1', ...TEXTS),
    take(bytes) {
      const text = textOf(bytes)
      const place = parsePosition(text)
      if (place !== undefined) deepStrictEqual(formatPosition(place), text)
      const lines = parseLines(text)
      if (lines !== undefined) deepStrictEqual(formatLines(lines), text)
      return `${place !== undefined} ${lines?.length}`
    },
  },
  {
    name: 'settings',
    seeds: texts(
      ...SETTINGS.map((name) => `${name}=1`),
      'LIVEDROP_LIMIT_ORDERS=20/s:40\nLIVEDROP_TRUSTED_PROXIES=10.0.0.0/8,::1\nNATS_URL=nats://a:b@c:1,tls://d',
      'NATS_URL=nats://%61:%62@c',
      'LIVEDROP_PORT=0\nLIVEDROP_ORIGINS=https://a.example,http://b.example:1\nNODE_ENV=production',
    ),
    take(bytes) {
      const given = Object.fromEntries(
        textOf(bytes)
          .split('\n')
          .map((line) => line.split('=', 2) as [string, string]),
      )
      const stores = {
        REDIS_URL: 'redis://a',
        NATS_URL: 'nats://a',
        DATABASE_URL: 'postgres://a/b',
        LIVEDROP_JWT_SECRET: SECRET,
      }
      try {
        const config = readConfig({ ...stores, ...given }, () => textOf(bytes))
        for (const proxy of config.trustedProxies) ok(isAddressOrNetwork(proxy))
        new Addresses(config.trustedProxies)
        parseNatsUrl(config.natsUrl)
        return 'a config'
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown
        return thrown.message
      }
    },
  },
  {
    name: 'forwarded addresses and wishes',
    seeds: texts(
      '1.2.3.4, 10.0.0.1',
      '2001:db8::1, fd00::1',
      '[2001:db8::1]:80',
      '1.2.3.4:5',
      '::ffff:1.2.3.4',
      'fe80::1%eth0',
      'wait=5, a',
      ...TEXTS,
    ),
    take(bytes) {
      const text = textOf(bytes)
      const network = trusting.networkOf('127.0.0.1', text)
      ok(network.length <= 64, network)
      const waitMs = preferredWaitMs(text, 3_000)
      ok(waitMs === undefined || (waitMs >= 0 && waitMs <= 3_000))
      return `${network === '127.0.0.1'} ${waitMs === undefined}`
    },
  },
]
