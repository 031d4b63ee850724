/**
 * What clients may send over a WebSocket and what comes of it: the table of tests/ws-conformance.test.ts.
 *
 * A row says what RFC 6455 asks for; `here` says what uWebSockets.js does where that is something else, and `why` we live
 * with it. After the bytes of a row comes a ping: a link that answers it has taken or refused them and lives on.
 *
 *   `clock 1`        the message was read (its t0)         `close 1002`   a close frame of the server
 *   `error …`        it was refused, with that code        `cut`          the end of the connection without one
 *   `pong …`         the payload, at most 8 letters of it  `waits`        for more bytes, and the ping is not seen
 *
 * A link that ends shows nothing after that; a close of our own is answered by one.
 */
import { closeFrame, frame, OP } from '../builders/raw-socket.ts'

export interface WsCase {
  name: string
  /** Each is written by itself. */
  sends: Buffer[]
  asks: string
  here: string
  why?: string
}

export interface WsGroup {
  about: string
  cases: WsCase[]
}

/** A message of exactly so many bytes, or as short as one can be. */
export function clock(t0: number, bytes = 0): Buffer {
  const bare = `{"type":"clock","t0":${t0}}`
  if (bytes <= bare.length) return Buffer.from(bare)

  const padded = `{"type":"clock","t0":${t0},"p":""}`
  return Buffer.from(`{"type":"clock","t0":${t0},"p":"${'x'.repeat(bytes - padded.length)}"}`)
}

/** Where uWebSockets.js does something else, and why we live with it. */
const DEVIATIONS = {
  cut: 'ends a broken connection without a close frame: the client sees 1006, and comes back after a pause',
  corked:
    'what was answered in the same breath goes with the connection: only a client that breaks the rules can lose it',
  mask: 'does not look at the mask bit and takes the next four bytes for a mask: nonsense, for its sender alone',
  length: 'takes a length that is written longer than need be: nothing can hide in it',
  inside: 'takes a binary frame inside of a text for its continuation: the whole is then refused as of the wrong kind',
  code: 'answers an empty close where it does not take the code, also for 1012 to 3999: over is over',
} as const

function row(
  name: string,
  sends: Buffer | Buffer[],
  asks: string,
  here = asks,
  deviation?: keyof typeof DEVIATIONS,
): WsCase {
  const one: WsCase = { name, sends: Array.isArray(sends) ? sends : [sends], asks, here }
  return deviation === undefined ? one : { ...one, why: DEVIATIONS[deviation] }
}

/** What breaks the rules of the framing. */
const broken = (name: string, sends: Buffer | Buffer[], asks = 'close 1002') => row(name, sends, asks, 'cut', 'cut')
/** The same behind a good message, in one write. */
const thenBroken = (name: string, ...sends: Buffer[]) =>
  row(name, Buffer.concat(sends), 'clock 1, close 1002', 'cut', 'corked')

/** In forty writes, so that every border of the frame is cut somewhere. */
function pieces(bytes: Buffer): Buffer[] {
  const size = Math.ceil(bytes.length / 40)
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size))
}

/** Written byte by byte. */
const dripped = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.from([byte]))
const text = (payload: Buffer | string) => frame(OP.text, payload)
const PONG = 'pong end'
const ONE = text(clock(1))

const opcodes: WsCase[] = [
  row('text', ONE, `clock 1, ${PONG}`),
  row('binary where JSON was agreed on', frame(OP.binary, clock(1)), `error bad_frame, ${PONG}`),
  row('ping', frame(OP.ping, 'a'), `pong a, ${PONG}`),
  row('pong that nobody asked for', frame(OP.pong, 'a'), PONG),
  row('close', closeFrame(1000), 'close 1000'),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => [
    broken(`reserved opcode ${opcode}`, frame(opcode, clock(1))),
    broken(`reserved opcode ${opcode} without a payload`, frame(opcode)),
    thenBroken(`reserved opcode ${opcode} behind a good message`, ONE, frame(opcode)),
  ]),
  broken('reserved opcode 3 between two fragments', [
    frame(OP.text, clock(1).subarray(0, 5), { fin: false }),
    frame(3),
  ]),
]

const reserved: WsCase[] = [1, 2, 3, 4, 5, 6, 7].flatMap((rsv) => [
  broken(`rsv ${rsv} on a text`, frame(OP.text, clock(1), { rsv })),
  broken(`rsv ${rsv} on a ping`, frame(OP.ping, 'a', { rsv })),
  broken(`rsv ${rsv} on a close`, closeFrame(1000, '', { rsv })),
  broken(`rsv ${rsv} on a continuation`, [
    frame(OP.text, clock(1).subarray(0, 5), { fin: false }),
    frame(OP.more, clock(1).subarray(5), { rsv }),
  ]),
])

const masks: WsCase[] = [
  row('a text without a mask', frame(OP.text, clock(1), { masked: false }), 'close 1002', 'cut', 'mask'),
  row(
    'a ping without a mask',
    frame(OP.ping, 'a', { masked: false }),
    'close 1002',
    String.raw`pong \x9b, waits`,
    'mask',
  ),
  row('a close without a mask', closeFrame(1000, '', { masked: false }), 'close 1002', 'close', 'mask'),
  row(
    'an empty text without a mask',
    frame(OP.text, '', { masked: false }),
    'close 1002',
    'error bad_frame, waits',
    'mask',
  ),
]

const controls: WsCase[] = [
  ...[0, 1, 2, 124, 125].map((length) =>
    row(
      `a ping of ${length} bytes`,
      frame(OP.ping, 'p'.repeat(length)),
      `pong ${'p'.repeat(Math.min(8, length))}, ${PONG}`.replace('pong ,', 'pong,'),
    ),
  ),
  ...[126, 127, 128, 4_000, 65_536].map((length) =>
    broken(`a ping of ${length} bytes`, frame(OP.ping, 'p'.repeat(length))),
  ),
  broken('a pong of 126 bytes', frame(OP.pong, 'p'.repeat(126))),
  broken('a close of 126 bytes', closeFrame(1000, 'r'.repeat(124))),
  row(
    'a ping of bytes that are no text',
    frame(OP.ping, Buffer.from([0, 255, 254, 253])),
    String.raw`pong \x00\xff\xfe\xfd, pong end`,
  ),
  row('a ping byte by byte', dripped(frame(OP.ping, 'drip')), `pong drip, ${PONG}`),
  row(
    'ten pings in one write',
    Buffer.concat(Array.from({ length: 10 }, (_, n) => frame(OP.ping, String(n)))),
    `${Array.from({ length: 10 }, (_, n) => `pong ${n}`).join(', ')}, ${PONG}`,
  ),
  broken('a ping in fragments', [frame(OP.ping, 'a', { fin: false }), frame(OP.more, 'b')]),
  broken('a pong in fragments', [frame(OP.pong, 'a', { fin: false }), frame(OP.more, 'b')]),
  broken('a close in fragments', closeFrame(1000, '', { fin: false })),
  row('a ping of which the end never comes', frame(OP.ping, 'abc', { declared: 100n }), 'waits'),
]

const lengths: WsCase[] = [
  row('an empty text', text(''), `error bad_frame, ${PONG}`),
  ...[1, 2, 20].map((length) =>
    row(`a text of ${length} bytes that is no message`, text('x'.repeat(length)), `error bad_frame, ${PONG}`),
  ),
  ...[60, 124, 125, 126, 127, 128, 255, 256, 1_000, 4_095, 4_096].flatMap((length) => [
    row(`a text of ${length} bytes`, text(clock(1, length)), `clock 1, ${PONG}`),
    row(`a text of ${length} bytes, in pieces`, pieces(text(clock(1, length))), `clock 1, ${PONG}`),
  ]),
  ...[4_097, 5_000, 65_535, 65_536, 100_000].map((length) =>
    broken(`a text of ${length} bytes`, text(clock(1, length)), 'close 1009'),
  ),
  ...[65_536n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n].map((declared) =>
    broken(`a text that says it has ${declared} bytes`, frame(OP.text, 'x', { declared }), 'close 1009'),
  ),
  ...[2n ** 63n, 2n ** 64n - 1n].map((declared) =>
    broken(`a text that says it has ${declared} bytes`, frame(OP.text, 'x', { declared })),
  ),
  broken(
    'a text that says it has 4097 bytes, of which none comes',
    frame(OP.text, '', { declared: 4_097n }),
    'close 1009',
  ),
  row('a text of which the end never comes', frame(OP.text, 'x', { declared: 4_096n }), 'waits'),
  row(
    '60 bytes, written in 16 bits of length',
    frame(OP.text, clock(1, 60), { lengthIn: 16 }),
    'close 1002',
    `clock 1, ${PONG}`,
    'length',
  ),
  row(
    '60 bytes, written in 64 bits of length',
    frame(OP.text, clock(1, 60), { lengthIn: 64 }),
    'close 1002',
    `clock 1, ${PONG}`,
    'length',
  ),
  row(
    '1000 bytes, written in 64 bits of length',
    frame(OP.text, clock(1, 1_000), { lengthIn: 64 }),
    'close 1002',
    `clock 1, ${PONG}`,
    'length',
  ),
  row(
    'a hundred messages in one write',
    Buffer.concat(Array(100).fill(ONE)),
    `${Array(100).fill('clock 1').join(', ')}, ${PONG}`,
  ),
]

/** One message in frames that end where it is said. */
function fragments(message: Buffer, ends: readonly number[]): Buffer[] {
  const cuts = [0, ...ends, message.length]
  return cuts.slice(1).map((end, at) =>
    frame(at === 0 ? OP.text : OP.more, message.subarray(cuts[at], end), {
      fin: end === message.length && at === cuts.length - 2,
    }),
  )
}

const begun = frame(OP.text, clock(1).subarray(0, 9), { fin: false })
const ended = frame(OP.more, clock(1).subarray(9))
const every = (message: Buffer) => Array.from({ length: message.length - 1 }, (_, at) => at + 1)

const fragmented: WsCase[] = [
  row('in two', fragments(clock(1), [9]), `clock 1, ${PONG}`),
  row('in two, in one write', Buffer.concat(fragments(clock(1), [9])), `clock 1, ${PONG}`),
  row('in two, byte by byte', dripped(Buffer.concat(fragments(clock(1), [9]))), `clock 1, ${PONG}`),
  row('in fragments of one byte', fragments(clock(1), every(clock(1))), `clock 1, ${PONG}`),
  row(
    '4096 bytes in fragments of one byte',
    Buffer.concat(fragments(clock(1, 4_096), every(clock(1, 4_096)))),
    `clock 1, ${PONG}`,
  ),
  row('with an empty beginning', fragments(clock(1), [0]), `clock 1, ${PONG}`),
  row('with an empty middle', fragments(clock(1), [9, 9, 9]), `clock 1, ${PONG}`),
  row('with an empty end', [frame(OP.text, clock(1), { fin: false }), frame(OP.more)], `clock 1, ${PONG}`),
  row(
    'of nothing at all',
    [frame(OP.text, '', { fin: false }), frame(OP.more, '', { fin: false }), frame(OP.more)],
    `error bad_frame, ${PONG}`,
  ),
  row(
    'two messages after each other',
    [...fragments(clock(1), [9]), ...fragments(clock(2), [9])],
    `clock 1, clock 2, ${PONG}`,
  ),
  row('with a ping in between', [begun, frame(OP.ping, 'a'), ended], `pong a, clock 1, ${PONG}`),
  row(
    'with a ping in between, byte by byte',
    dripped(Buffer.concat([begun, frame(OP.ping, 'a'), ended])),
    `pong a, clock 1, ${PONG}`,
  ),
  row('with a pong in between', [begun, frame(OP.pong, 'a'), ended], `clock 1, ${PONG}`),
  row(
    'with ten pings in between',
    [begun, ...Array(10).fill(frame(OP.ping, 'a')), ended],
    `${Array(10).fill('pong a').join(', ')}, clock 1, ${PONG}`,
  ),
  row('with a close in between', [begun, closeFrame(1000)], 'close 1000'),
  row('that never ends, and pings meanwhile', [begun, frame(OP.ping, 'a')], `pong a, ${PONG}`),
  broken('a continuation of nothing', frame(OP.more, clock(1))),
  broken('a continuation of nothing that goes on', frame(OP.more, clock(1), { fin: false })),
  broken('an empty continuation of nothing', frame(OP.more)),
  thenBroken('a continuation after the end', begun, ended, ended),
  thenBroken('a continuation after a whole message', ONE, ended),
  broken('a text inside of a text', [begun, ONE]),
  row(
    'a binary inside of a text',
    [begun, frame(OP.binary, clock(1))],
    'close 1002',
    `error bad_frame, ${PONG}`,
    'inside',
  ),
  broken('a text that begins inside of a text', [begun, begun]),
  broken('4097 bytes in two', fragments(clock(1, 4_097), [4_000]), 'close 1009'),
  broken(
    '4097 bytes in fragments of one byte',
    Buffer.concat(fragments(clock(1, 4_097), every(clock(1, 4_097)))),
    'close 1009',
  ),
  broken(
    '10,000 fragments of one byte',
    Buffer.concat(fragments(clock(1, 10_000), every(clock(1, 10_000)))),
    'close 1009',
  ),
  broken(
    '64 fragments of 4096 bytes',
    Buffer.concat(
      Array.from({ length: 64 }, (_, n) => frame(n === 0 ? OP.text : OP.more, 'x'.repeat(4_096), { fin: false })),
    ),
    'close 1009',
  ),
]

/** Inside of the message's text, so that what is good is a message and what is bad is nothing else but bad UTF-8. */
const carrying = (bytes: number[]) =>
  Buffer.concat([Buffer.from('{"type":"clock","t0":1,"p":"'), Buffer.from(bytes), Buffer.from('"}')])
const hexOf = (bytes: number[]) => Buffer.from(bytes).toString('hex')

const GOOD_TEXT: number[][] = [
  [0x7f],
  [0xc2, 0x80],
  [0xdf, 0xbf],
  [0xe0, 0xa0, 0x80],
  [0xe1, 0x80, 0x80],
  [0xec, 0xbf, 0xbf],
  [0xed, 0x9f, 0xbf],
  [0xee, 0x80, 0x80],
  [0xef, 0xbf, 0xbd],
  [0xef, 0xbf, 0xbe],
  [0xef, 0xbf, 0xbf],
  [0xef, 0xbb, 0xbf],
  [0xf0, 0x90, 0x80, 0x80],
  [0xf1, 0x80, 0x80, 0x80],
  [0xf3, 0xbf, 0xbf, 0xbf],
  [0xf4, 0x8f, 0xbf, 0xbf],
  [...Buffer.from('κόσμε')],
  [...Buffer.from('👟👟')],
]
const BAD_TEXT: number[][] = [
  [0x80],
  [0xbf],
  [0x80, 0xbf, 0x80],
  [0xc0],
  [0xc1],
  [0xc0, 0xaf],
  [0xc0, 0x80],
  [0xc1, 0xbf],
  [0xc2],
  [0xc2, 0x41],
  [0xdf],
  [0xe0, 0x80, 0xaf],
  [0xe0, 0x9f, 0xbf],
  [0xe1, 0x80],
  [0xe1, 0x80, 0x41],
  [0xed, 0xa0, 0x80],
  [0xed, 0xad, 0xbf],
  [0xed, 0xbf, 0xbf],
  [0xed, 0xa0, 0xbd, 0xed, 0xb1, 0x9f],
  [0xf0, 0x80, 0x80, 0xaf],
  [0xf0, 0x8f, 0xbf, 0xbf],
  [0xf0, 0x90, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80],
  [0xfe],
  [0xff],
  [0xfe, 0xff],
  [0xce, 0xba, 0xed, 0xa0, 0x80, 0x41],
]

const utf8: WsCase[] = [
  ...GOOD_TEXT.map((bytes) => row(`good: ${hexOf(bytes)}`, text(carrying(bytes)), `clock 1, ${PONG}`)),
  ...GOOD_TEXT.filter((bytes) => bytes.length > 1).flatMap((bytes) =>
    every(Buffer.from(bytes)).map((at) =>
      row(
        `good: ${hexOf(bytes)}, in fragments cut at ${at}`,
        fragments(carrying(bytes), [28 + at]),
        `clock 1, ${PONG}`,
      ),
    ),
  ),
  ...BAD_TEXT.map((bytes) => broken(`bad: ${hexOf(bytes)}`, text(carrying(bytes)), 'close 1007')),
  ...BAD_TEXT.filter((bytes) => bytes.length > 2).map((bytes) =>
    broken(
      `bad: ${hexOf(bytes)}, byte by byte in fragments`,
      fragments(carrying(bytes), every(carrying(bytes))),
      'close 1007',
    ),
  ),
  broken('bad: the message ends in the middle of a letter', text(Buffer.from([0xf0, 0x9f, 0x91])), 'close 1007'),
]

const MAY_CLOSE = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 4000, 4001, 4999]
const MAY_CLOSE_TOO = [3000, 3001, 3999]
const MAY_NOT = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1099, 1100, 2000, 2999, 5000, 10_000, 65_535]

const closes: WsCase[] = [
  row('with nothing', frame(OP.close), 'close'),
  row('with one byte', frame(OP.close, Buffer.from([3])), 'close 1002', 'close', 'code'),
  ...MAY_CLOSE.map((code) => row(`with ${code}`, closeFrame(code), `close ${code}`)),
  ...MAY_CLOSE_TOO.map((code) => row(`with ${code}`, closeFrame(code), `close ${code}`, 'close', 'code')),
  ...MAY_NOT.map((code) => row(`with ${code}, which nobody may send`, closeFrame(code), 'close 1002', 'close', 'code')),
  ...[1012, 1013, 1014].map((code) =>
    row(`with ${code}, which was given a meaning later`, closeFrame(code), `close ${code}`, 'close', 'code'),
  ),
  row('with a reason', closeFrame(1000, 'bye'), 'close 1000'),
  row('with the longest reason', closeFrame(1000, 'r'.repeat(123)), 'close 1000'),
  row(
    'with a reason that is not UTF-8',
    closeFrame(1000, Buffer.from([0xce, 0xba, 0xed, 0xa0, 0x80])),
    'close 1007',
    'close',
    'code',
  ),
  row('byte by byte', dripped(closeFrame(1000, 'bye')), 'close 1000'),
  row('twice', [closeFrame(1000), closeFrame(1000)], 'close 1000'),
  row('and a message behind it', [closeFrame(1000), ONE], 'close 1000'),
  row('and a ping behind it', [closeFrame(1000), frame(OP.ping, 'a')], 'close 1000'),
  row(
    'and a message before it',
    Buffer.concat([ONE, closeFrame(3000)]),
    'clock 1, close 3000',
    'clock 1, close',
    'code',
  ),
  row('and a message behind it, in one write', Buffer.concat([closeFrame(1000), ONE]), 'close 1000'),
]

export const WS_GROUPS: WsGroup[] = [
  { about: 'opcodes', cases: opcodes },
  { about: 'reserved bits', cases: reserved },
  { about: 'masks', cases: masks },
  { about: 'control frames', cases: controls },
  { about: 'lengths', cases: lengths },
  { about: 'a message in fragments', cases: fragmented },
  { about: 'UTF-8', cases: utf8 },
  { about: 'a close', cases: closes },
]
