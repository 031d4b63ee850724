/**
 * The codec vectors, docs/conformance/codec.json: every message as a value, as JSON and as MessagePack, and frames that a
 * server must refuse, with its answers.
 *
 * What is refused is written here as bytes and what it is refused with is written beside it by hand: the vectors say what
 * the server should do, and tests/conformance-codec.test.ts holds the server to it. Only the encodings of good messages
 * come from the server's own codec, for they are what a client will meet.
 */
import { encode, FRAME_BYTES_MAX, FRAME_MESSAGES_MAX } from '../../protocol/codec.ts'
import { DOWN_ROWS, UP_ROWS } from '../../protocol/conversation.ts'
import type { Down } from '../../protocol/down.ts'
import { DEPTH_MAX } from '../../protocol/msgpack-decoder.ts'
import { VERDICTS } from '../../protocol/verdicts.ts'
import { type Format, PROTOCOL_VERSION, SUBPROTOCOLS } from '../../protocol/version.ts'

type Message = Readonly<Record<string, unknown>>

export interface Good {
  name: string
  message: Message
  json: string
  /** Hex. */
  msgpack: string
}

/** `frame`: the text of a JSON frame or the hex of a MessagePack one; `hex` where a text would not be UTF-8. */
export interface Odd {
  name: string
  format: Format
  frame?: string
  hex?: string
}

export interface Taken extends Odd {
  heard: Message[]
}

/** `answers`: what the server says, one for each message that it did not take. */
export interface Refused extends Odd {
  answers: { code: string; id?: string | number }[]
  /** On a WebSocket the frame is not even read: the connection ends. */
  cutOff?: true
}

export interface CodecVectors {
  protocol: number
  subprotocols: Record<string, Format>
  bounds: { frameBytes: number; frameMessages: number; depth: number }
  up: Good[]
  down: Good[]
  taken: Taken[]
  refused: Refused[]
}

const drop = '01890a5d-ac96-774b-bcce-b302099a8059'
const orderId = 'k3vq7xw2mz5rj4tn6ybd3hcpfa'
const order = { type: 'order', id: 3, drop, key: 'cart-7', lines: [{ sku: 'SHIRT-M', qty: 1 }] }
const snapshot = {
  ...{ type: 'snapshot', drop, position: { epoch: 0, seq: 0 }, phase: 'scheduled', opensAtMs: 1_800_000_000_000 },
  ...{ items: [], viewers: 0, mine: [], recovered: false },
}

/** Besides the examples of the contract. */
const MORE_UP: [string, Message][] = [
  ['hello of an anonymous watcher', { type: 'hello' }],
  ['hello with a token', { type: 'hello', token: 'eyJhbGciOiJFZERTQSJ9.e30.c2ln' }],
  ['hello with a ticket alone', { type: 'hello', resume: { ticket: 'AQAAAZ0', drops: [], open: [] } }],
  ['watch for the first time', { type: 'watch', id: 'w1', drop }],
  [
    'order of several lines',
    { ...order, id: 'o-1', lines: Array.from({ length: 16 }, (_, n) => ({ sku: `S-${n}`, qty: 1_000 - n })) },
  ],
  ['order with the longest key', { ...order, id: Number.MAX_SAFE_INTEGER, key: 'k'.repeat(64) }],
  ['cancel of an order that is not confirmed yet', { type: 'cancel', id: 4, orderId, drop, key: 'cart-7' }],
  ['outcomes of several keys', { type: 'outcomes', id: 5, drop, keys: ['a', 'B.2', '~c_-'] }],
  ['clock in fractions of a millisecond', { type: 'clock', t0: 12_345.678 }],
]

const MORE_DOWN: [string, Message][] = [
  [
    'welcome of an anonymous watcher',
    { type: 'welcome', session: 's-2', serverTimeMs: 1_800_000_010_000, heartbeatMs: 32_000 },
  ],
  ['snapshot of an empty drop', snapshot],
  ['snapshot after a resume', { ...snapshot, closesAtMs: 1_800_003_600_000, recovered: true }],
  [
    'snapshot with text of every length of UTF-8',
    {
      ...snapshot,
      items: [
        {
          sku: 'A',
          title: 'Schuh „rot“ 靴 👟',
          priceMinor: 2_147_483_648,
          currency: 'EUR',
          stock: 70_000,
          left: 256,
          limit: null,
        },
      ],
    },
  ],
  ...['scheduled', 'open', 'paused', 'closed', 'cancelled'].map((phase): [string, Message] => [
    `news of the phase ${phase}`,
    news({ kind: 'phase', phase }),
  ]),
  [
    'news of every count',
    news(
      { kind: 'left', sku: 'A', left: 0 },
      { kind: 'low_stock', sku: 'A', left: 127 },
      { kind: 'sold_out', sku: 'A' },
      { kind: 'restocked', sku: 'A', left: 65_536 },
      { kind: 'viewers', viewers: 4_294_967_296 },
    ),
  ],
  ['news of an announcement', news({ kind: 'announcement', text: 'x'.repeat(256) })],
  ['news that was missed', { ...news({ kind: 'sold_out', sku: 'A' }), id: 'w1', recovered: true }],
  ...VERDICTS.map((verdict): [string, Message] => [`receipt: ${verdict}`, receipt(verdict)]),
  ...['accepted', 'confirmed', 'revoked', 'cancelled'].map((state): [string, Message] => [
    `outcome: ${state}`,
    { type: 'outcome', id: 5, drop, key: 'cart-7', orderId, state },
  ]),
  ['outcome: unknown', { type: 'outcome', id: 5, drop, key: 'cart-7', state: 'unknown' }],
  [
    'error without an id',
    { type: 'error', code: 'bad_frame', message: 'not json, or not a message', retryable: false },
  ],
  [
    'error with a time',
    { type: 'error', id: 'w1', code: 'rate_limited', message: 'rate limited', retryable: true, retryAfterMs: 1_500 },
  ],
]

function news(...changes: object[]): Message {
  return {
    type: 'news',
    drop,
    position: { epoch: 2, seq: 65_536 },
    from: { epoch: 2, seq: 65_535 },
    at: 1_800_000_010_000.5,
    changes,
  }
}

function receipt(verdict: string): Message {
  const base = { type: 'receipt', id: 3, drop, key: 'cart-7' }
  const known = { ...base, orderId, verdict }
  if (verdict === 'accepted') return { ...known, position: { epoch: 1, seq: 9 }, left: [{ sku: 'SHIRT-M', left: 243 }] }
  if (verdict === 'duplicate') return { ...known, state: 'confirmed' }
  if (verdict === 'sold_out') return { ...known, position: { epoch: 1, seq: 9 }, left: [{ sku: 'SHIRT-M', left: 0 }] }
  if (['early', 'rate_limited', 'pending'].includes(verdict)) return { ...base, verdict, retryAfterMs: 250 }
  return { ...base, verdict }
}

// --- frames of another spelling --------------------------------------------------------------------------------------------

const json = (name: string, frame: unknown): Odd => ({
  ...{ name, format: 'json' },
  frame: typeof frame === 'string' ? frame : JSON.stringify(frame),
})
const hex = (name: string, frame: string): Odd => ({ name, format: 'msgpack', frame: frame.replaceAll(' ', '') })
const clock = { type: 'clock', t0: 5 }
/** {"type": "clock", "t0": …} up to the value. */
const CLOCK = '82 a474797065 a5636c6f636b a27430'
const text = (words: string) => Buffer.from(words).toString('hex')

const TAKEN: Taken[] = [
  {
    ...json('several messages in one frame', [clock, { type: 'clock', t0: 6 }]),
    heard: [clock, { type: 'clock', t0: 6 }],
  },
  { ...json('fields that this version does not know', { ...clock, colour: 'red', more: [{}] }), heard: [clock] },
  { ...json('white space and escapes', '\t{ "type" : "\\u0063lock",\r\n"t0":5.0 } '), heard: [clock] },
  { ...json('a number with an exponent', '{"type":"clock","t0":0.5e1}'), heard: [clock] },
  { ...json('a name that comes twice: the last one counts', '{"type":"clock","t0":4,"t0":5}'), heard: [clock] },
  { ...json(`nested ${DEPTH_MAX} deep`, { ...clock, deep: nested(DEPTH_MAX - 1) }), heard: [clock] },
  { ...json('64 messages', Array(FRAME_MESSAGES_MAX).fill(clock)), heard: Array(FRAME_MESSAGES_MAX).fill(clock) },
  { ...hex('a whole number in its shortest form', `${CLOCK} 05`), heard: [clock] },
  { ...hex('uint 8', `${CLOCK} cc05`), heard: [clock] },
  { ...hex('uint 16', `${CLOCK} cd0005`), heard: [clock] },
  { ...hex('uint 32', `${CLOCK} ce00000005`), heard: [clock] },
  { ...hex('uint 64', `${CLOCK} cf0000000000000005`), heard: [clock] },
  { ...hex('int 8', `${CLOCK} d005`), heard: [clock] },
  { ...hex('int 16', `${CLOCK} d10005`), heard: [clock] },
  { ...hex('int 32', `${CLOCK} d200000005`), heard: [clock] },
  { ...hex('int 64', `${CLOCK} d30000000000000005`), heard: [clock] },
  { ...hex('float 32', `${CLOCK} ca40a00000`), heard: [clock] },
  { ...hex('float 64', `${CLOCK} cb4014000000000000`), heard: [clock] },
  { ...hex('map 16', `de0002 a474797065 a5636c6f636b a27430 05`), heard: [clock] },
  {
    ...hex('map 32, str 8, str 16 and str 32', `df00000002 d90474797065 da0005636c6f636b db000000027430 05`),
    heard: [clock],
  },
  { ...hex('an array of one message', `91 ${CLOCK} 05`), heard: [clock] },
  { ...hex('array 16', `dc0001 ${CLOCK} 05`), heard: [clock] },
  { ...hex('array 32', `dd00000001 ${CLOCK} 05`), heard: [clock] },
  {
    ...hex(
      'an unknown field with nil, a bool and a map',
      `85 a474797065 a5636c6f636b a27430 05 a161 c0 a162 c3 a163 80`,
    ),
    heard: [clock],
  },
]

/** A number in so many arrays. */
function nested(levels: number): unknown {
  return levels === 0 ? 1 : [nested(levels - 1)]
}

// --- frames that are refused -------------------------------------------------------------------------------------------------

const badFrame = (odd: Odd): Refused => ({ ...odd, answers: [{ code: 'bad_frame' }] })

const BAD_FRAMES: Refused[] = [
  json('nothing', ''),
  json('a number', '5'),
  json('a text', '"order"'),
  json('null', 'null'),
  json('no JSON', '{"type":'),
  json('JSON and more', '{"type":"clock","t0":5}{}'),
  json('single quotes', "{'type':'clock','t0':5}"),
  json('a comma too many', '{"type":"clock","t0":5,}'),
  json('not a number', '{"type":"clock","t0":NaN}'),
  json('an empty array', []),
  json('65 messages', Array(FRAME_MESSAGES_MAX + 1).fill(clock)),
  json(`nested ${DEPTH_MAX + 1} deep`, { ...clock, deep: nested(DEPTH_MAX) }),
  json('two thousand brackets', '['.repeat(2_000)),
  { name: 'a byte order mark', format: 'json' as const, hex: `efbbbf${text(JSON.stringify(clock))}` },
  hex('nothing', ''),
  hex('nil', 'c0'),
  hex('a whole number', '05'),
  hex('a text', 'a56f72646572'),
  hex('a byte too few', CLOCK),
  hex('a byte too many', `${CLOCK} 05 c0`),
  hex('two messages without an array', `${CLOCK} 05 ${CLOCK} 05`),
  hex('the byte that means nothing', 'c1'),
  hex('an empty array', '90'),
  hex('65 messages', `dc0041 ${`${CLOCK} 05`.repeat(FRAME_MESSAGES_MAX + 1)}`),
  hex('binary data', `${CLOCK} c40105`),
  hex('a timestamp', `${CLOCK} d6ff00000005`),
  hex('an extension of one byte', `${CLOCK} d40100`),
  hex('an extension of a length', `${CLOCK} c7010100`),
  hex('a whole number past 2^53', `${CLOCK} cf0020000000000000`),
  hex('a negative one past 2^53', `${CLOCK} d3ffdfffffffffffff`),
  hex('not a number', `${CLOCK} cb7ff8000000000000`),
  hex('infinity', `${CLOCK} ca7f800000`),
  hex('a name that comes twice', `83 a474797065 a5636c6f636b a27430 05 a27430 06`),
  hex('a name that is a number', `82 a474797065 a5636c6f636b 05 05`),
  hex('a name that is nil', `81 c0 05`),
  hex('__proto__', `81 a9${text('__proto__')} 80`),
  hex('constructor', `81 ab${text('constructor')} 80`),
  hex('a text that is not UTF-8', `${CLOCK} a2c328`),
  hex('a text with half of a pair', `${CLOCK} a3eda080`),
  hex('an array of 2^32 - 1', 'ddffffffff'),
  hex('a map of 2^32 - 1', 'dfffffffff'),
  hex('a text of 2^32 - 1', `${CLOCK} dbffffffff`),
  hex(`nested ${DEPTH_MAX + 1} deep`, `83 a474797065 a5636c6f636b a27430 05 a164 ${'91'.repeat(DEPTH_MAX)} 01`),
  hex('two thousand arrays of one', '91'.repeat(2_000)),
].map(badFrame)

const TOO_LARGE: Refused[] = [
  { ...json('one byte too many', `{"type":"clock","t0":5}${' '.repeat(FRAME_BYTES_MAX + 1 - 23)}`) },
  {
    ...hex(
      'one byte too many',
      `83 a474797065 a5636c6f636b a27430 05 a170 da0fec ${'78'.repeat(FRAME_BYTES_MAX + 1 - 21)}`,
    ),
  },
].map((odd) => ({ ...odd, answers: [{ code: 'too_large' }], cutOff: true }))

/** A message, and what is answered; under its id where that could be read. */
const NOT_OBEYED: [string, unknown, { code: string; id?: string | number }][] = [
  ['an unknown type', { type: 'dance', id: 7 }, { code: 'unknown_type', id: 7 }],
  ['a type of another protocol', { type: 'welcome', id: 'x' }, { code: 'unknown_type', id: 'x' }],
  ['no type', { id: 7 }, { code: 'bad_request', id: 7 }],
  ['a type that is a number', { type: 7, id: 7 }, { code: 'bad_request', id: 7 }],
  ['an empty map', {}, { code: 'bad_request' }],
  ['no id', { ...order, id: undefined }, { code: 'bad_request' }],
  ['an id that is empty', { ...order, id: '' }, { code: 'bad_request' }],
  ['an id of 65 letters', { ...order, id: 'i'.repeat(65) }, { code: 'bad_request' }],
  ['an id below zero', { ...order, id: -1 }, { code: 'bad_request' }],
  ['an id that is half', { ...order, id: 1.5 }, { code: 'bad_request' }],
  ['an id that is a map', { ...order, id: {} }, { code: 'bad_request' }],
  ['no drop', { ...order, drop: undefined }, bad(3)],
  ['a drop in capitals', { ...order, drop: drop.toUpperCase() }, bad(3)],
  ['a drop that is no id', { ...order, drop: '../../etc' }, bad(3)],
  ['a drop with a line feed', { ...order, drop: `${drop}\n` }, bad(3)],
  ['no key', { ...order, key: undefined }, bad(3)],
  ['a key that is empty', { ...order, key: '' }, bad(3)],
  ['a key of 65 letters', { ...order, key: 'k'.repeat(65) }, bad(3)],
  ['a key with a blank', { ...order, key: 'a b' }, bad(3)],
  ['a key that is a number', { ...order, key: 7 }, bad(3)],
  ['no lines', { ...order, lines: undefined }, bad(3)],
  ['empty lines', { ...order, lines: [] }, bad(3)],
  ['17 lines', { ...order, lines: Array.from({ length: 17 }, (_, n) => ({ sku: `S${n}`, qty: 1 })) }, bad(3)],
  [
    'a sku that comes twice',
    {
      ...order,
      lines: [
        { sku: 'A', qty: 1 },
        { sku: 'A', qty: 2 },
      ],
    },
    bad(3),
  ],
  ['a sku with a colon', { ...order, lines: [{ sku: 'A:1', qty: 1 }] }, bad(3)],
  ...[0, -1, 1.5, 1_001, '1', null, true].map((qty): [string, unknown, { code: string; id: number }] => [
    `a quantity of ${JSON.stringify(qty)}`,
    { ...order, lines: [{ sku: 'A', qty }] },
    bad(3),
  ]),
  ['a position below zero', { type: 'watch', id: 1, drop, position: { epoch: 1, seq: -1 } }, bad(1)],
  ['a position in text', { type: 'watch', id: 1, drop, position: '1-9' }, bad(1)],
  ['no keys', { type: 'outcomes', id: 5, drop, keys: [] }, bad(5)],
  ['65 keys', { type: 'outcomes', id: 5, drop, keys: Array.from({ length: 65 }, (_, n) => `k${n}`) }, bad(5)],
  ['an order id that is none', { type: 'cancel', id: 4, orderId: 'ORDER-1' }, bad(4)],
  ['a clock without a time', { type: 'clock' }, { code: 'bad_request' }],
  ['a clock before time', { type: 'clock', t0: -1 }, { code: 'bad_request' }],
  ['an auth without a token', { type: 'auth', id: 6 }, bad(6)],
  ['a message that is an array', [[clock]], { code: 'bad_request' }],
  ['a message that is a number', [5], { code: 'bad_request' }],
]

function bad(id: number): { code: string; id: number } {
  return { code: 'bad_request', id }
}

function spelled(name: string, value: unknown): Odd[] {
  const bytes = encode(value as Down, 'msgpack')
  return [json(name, JSON.stringify(value)), { name, format: 'msgpack', frame: Buffer.from(bytes).toString('hex') }]
}

function good(name: string, message: Message): Good {
  const bytes = encode(message as unknown as Down, 'msgpack')
  return { name, message, json: JSON.stringify(message), msgpack: Buffer.from(bytes).toString('hex') }
}

export function codecVectors(): CodecVectors {
  return {
    protocol: PROTOCOL_VERSION,
    subprotocols: SUBPROTOCOLS,
    bounds: { frameBytes: FRAME_BYTES_MAX, frameMessages: FRAME_MESSAGES_MAX, depth: DEPTH_MAX },
    up: [...UP_ROWS.map(({ type, example }) => good(type, example)), ...MORE_UP.map(([name, one]) => good(name, one))],
    down: [
      ...DOWN_ROWS.map(({ type, example }) => good(type, example)),
      ...MORE_DOWN.map(([name, one]) => good(name, one)),
    ],
    taken: TAKEN,
    refused: [
      ...BAD_FRAMES,
      ...TOO_LARGE,
      ...NOT_OBEYED.flatMap(([name, value, answer]) =>
        spelled(name, value).map((odd) => ({ ...odd, answers: [answer] })),
      ),
      ...spelled('a bad message does not silence the others', [clock, { type: 'dance', id: 1 }, { id: 2 }]).map(
        (odd) => ({ ...odd, answers: [{ code: 'unknown_type', id: 1 }, bad(2)] }),
      ),
    ],
  }
}

/** The bytes of a frame of the vectors. */
export function frameOf({ format, frame, hex: bytes }: Odd): Buffer {
  if (bytes !== undefined) return Buffer.from(bytes, 'hex')
  return Buffer.from(frame ?? '', format === 'json' ? 'utf8' : 'hex')
}
