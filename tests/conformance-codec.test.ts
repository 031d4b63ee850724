/** Our own codecs, the server's and the client's, against docs/conformance/codec.json. */
import { unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { msgpack } from '../client/msgpack.ts'
import { json, type WireFormat } from '../client/ws-transport.ts'
import { decodeFrame, FRAME_BYTES_MAX } from '../protocol/codec.ts'
import { DOWN_ROWS, UP_ROWS } from '../protocol/conversation.ts'
import { downSchema } from '../protocol/down.ts'
import type { Up } from '../protocol/up.ts'
import { FORMATS, type Format } from '../protocol/version.ts'
import { type CodecVectors, codecVectors, frameOf, type Good } from './conformance/codec-vectors.ts'
import { CODEC_FILE, vectorsOf } from './conformance/files.ts'

const vectors = vectorsOf<CodecVectors>(CODEC_FILE)
const CLIENT: Record<Format, WireFormat> = { json, msgpack }

const bytesOf = (good: Good, format: Format) =>
  format === 'json' ? Buffer.from(good.json) : Buffer.from(good.msgpack, 'hex')

/** What became of a frame: the messages, or what is answered. */
function answersTo(bytes: Uint8Array, format: Format) {
  const decoded = decodeFrame(bytes, format)
  if ('fault' in decoded) return { heard: [], answers: [{ code: decoded.fault.code }] }

  return {
    heard: decoded.messages.flatMap((one) => ('message' in one ? [one.message] : [])),
    answers: decoded.messages.flatMap((one) =>
      'message' in one ? [] : [{ code: one.fault.code, ...(one.id === undefined ? {} : { id: one.id }) }],
    ),
  }
}

describe('the codec vectors', () => {
  it('[HH1] are what the server’s own codec writes today: else run `npm run vectors`', () => {
    expect(vectors).toEqual(JSON.parse(JSON.stringify(codecVectors())))
  })

  it('[HH1] have every message of both directions', () => {
    const typesOf = (goods: Good[]) => new Set(goods.map(({ message }) => message.type))

    expect(typesOf(vectors.up)).toEqual(new Set(UP_ROWS.map(({ type }) => type)))
    expect(typesOf(vectors.down)).toEqual(new Set(DOWN_ROWS.map(({ type }) => type)))
    for (const rows of [vectors.up, vectors.down]) expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
  })
})

describe.each(FORMATS)('in %s', (format) => {
  it('[HH2] the server reads what a client says, and our client writes what the server reads', () => {
    for (const row of vectors.up) {
      expect([row.name, answersTo(bytesOf(row, format), format).heard]).toEqual([row.name, [row.message]])
      const written = CLIENT[format].write(row.message as Up)
      const bytes = typeof written === 'string' ? Buffer.from(written) : written
      expect([row.name, answersTo(bytes, format).heard]).toEqual([row.name, [row.message]])
    }
  })

  it('[HH2] our client reads what the server says, and it is what the contract allows', () => {
    for (const row of vectors.down) {
      expect([row.name, downSchema.parse(row.message)]).toEqual([row.name, row.message])
      const data = format === 'json' ? row.json : new Uint8Array(bytesOf(row, format)).buffer
      expect([row.name, CLIENT[format].read(data)]).toEqual([row.name, row.message])
      // A library that knows nothing of ours reads the same.
      expect([row.name, unpack(Buffer.from(row.msgpack, 'hex'))]).toEqual([row.name, row.message])
    }
  })

  it('[HH2] the server takes every other spelling of the same values', () => {
    for (const row of vectors.taken.filter((one) => one.format === format)) {
      expect([row.name, answersTo(frameOf(row), format)]).toEqual([row.name, { heard: row.heard, answers: [] }])
    }
  })

  it('[HH3] the server refuses what it must, with the code that is written', () => {
    const rows = vectors.refused.filter((one) => one.format === format)

    expect(rows.length).toBeGreaterThan(50)
    for (const row of rows.filter(({ cutOff }) => cutOff)) expect(frameOf(row).length).toBe(FRAME_BYTES_MAX + 1)
    for (const row of rows) expect([row.name, answersTo(frameOf(row), format).answers]).toEqual([row.name, row.answers])
  })
})
