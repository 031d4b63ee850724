/**
 * What the WebSocket protocol (RFC 6455) forbids, as the bytes of frames: the library under the native transport ends
 * such a connection by itself, and the node behind it never hears of it.
 */
import { bytesOf, type NamedBytes, NOT_UTF8 } from './bytes.ts'

const MASK = [0, 0, 0, 0]
const TEXT = 0x81
const HELLO = '{"type":"hello"}'
/** A frame as a client sends it: masked, here with zeros, so that the payload is readable. */
const frame = (head: number, payload: string | Uint8Array = '') => {
  const bytes = Buffer.from(payload as string)
  return bytesOf(head, 0x80 | bytes.length, MASK, bytes)
}

export const BROKEN_FRAMES: NamedBytes[] = (
  [
    ['the first reserved bit', frame(0xc1, HELLO)],
    ['the second reserved bit', frame(0xa1, HELLO)],
    ['the third reserved bit', frame(0x91, HELLO)],
    ['an opcode nobody knows', frame(0x83, HELLO)],
    ['a control opcode nobody knows', frame(0x8b)],
    ['a ping in pieces', frame(0x09, 'x')],
    ['a ping of 126 bytes', bytesOf(0x89, 0xfe, 0, 126, MASK, Buffer.alloc(126))],
    ['a close of one byte', frame(0x88, 'x')],
    ['a close with code 1005', frame(0x88, Buffer.from([0x03, 0xed]))],
    ['a close with code 0', frame(0x88, Buffer.from([0, 0]))],
    ['a close whose reason is not UTF-8', frame(0x88, Buffer.from([0x03, 0xe8, 0xff, 0xfe]))],
    ['a continuation of nothing', frame(0x80, HELLO)],
    ['a beginning in the middle of another', bytesOf(frame(0x01, '{"type":'), frame(TEXT, HELLO))],
    ['a length of 2^63', bytesOf(TEXT, 0xff, 0x80, Buffer.alloc(7), MASK)],
    ['a length of 2^64 - 1', bytesOf(TEXT, 0xff, Buffer.alloc(8, 0xff), MASK)],
    ['a length of 4,097', bytesOf(TEXT, 0xfe, 0x10, 0x01, MASK, Buffer.alloc(4_097, 0x20))],
    [
      'pieces that add up to 5,000 bytes',
      bytesOf(...Array.from({ length: 50 }, (_, at) => frame(at === 0 ? 0x01 : 0x00, 'x'.repeat(100)))),
    ],
    ...NOT_UTF8.map(({ name, bytes }) => [`text of ${name}`, frame(TEXT, bytes)] as const),
    ['HTTP after the handshake', bytesOf('GET /ws HTTP/1.1\r\nHost: x\r\n\r\n')],
  ] as const
).map(([name, bytes]) => ({ name, bytes }))

/** Allowed, and answered or ignored: the connection stays. */
export const ODD_FRAMES: NamedBytes[] = (
  [
    [
      'a hundred empty pieces and an end',
      bytesOf(frame(0x01, '{"type":"clock",'), ...Array(100).fill(frame(0x00)), frame(0x80, '"t0":1}')),
    ],
    ['a ping between two pieces', bytesOf(frame(0x01, '{"type":"clock",'), frame(0x89, 'x'), frame(0x80, '"t0":1}'))],
    ['a pong that nobody asked for', bytesOf(frame(0x8a, 'x'), frame(TEXT, '{"type":"clock","t0":1}'))],
    ['a hundred pings', bytesOf(...Array(100).fill(frame(0x89, 'x')), frame(TEXT, '{"type":"clock","t0":1}'))],
  ] as const
).map(([name, bytes]) => ({ name, bytes }))
