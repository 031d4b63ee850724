/** The messages, their examples and the AsyncAPI document that is written from them are the same thing three times. */
import { createHash } from 'node:crypto'
import { Parser } from '@asyncapi/parser'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { asyncApi } from '../protocol/asyncapi.ts'
import { CLOSE_CODES } from '../protocol/close-codes.ts'
import { decodeFrame, encode } from '../protocol/codec.ts'
import { DOWN_ROWS, UP_ROWS } from '../protocol/conversation.ts'
import { type Down, downSchema } from '../protocol/down.ts'
import { UP_TYPES, upSchema } from '../protocol/up.ts'
import { FORMATS, SUBPROTOCOLS, WIRE_REVISIONS } from '../protocol/version.ts'

const document = asyncApi({ title: 'LiveDrop', version: '1.0' })

describe('the table of the conversation', () => {
  it('[W6] has every message of both directions once, and nothing else', () => {
    expect(UP_ROWS.map((row) => row.type).sort()).toEqual([...UP_TYPES].sort())
    expect(DOWN_ROWS.map((row) => row.type).sort()).toEqual(
      downSchema.options.map((option) => option.shape.type.value).sort(),
    )
  })

  it.each(FORMATS)('[W6] has examples that the server reads and writes, in %s', (format) => {
    for (const { example } of UP_ROWS) {
      const bytes = encode(example as unknown as Down, format)
      const frame = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
      expect(decodeFrame(frame, format)).toEqual({ messages: [{ message: example }] })
    }
    for (const { type, example } of DOWN_ROWS) expect([type, downSchema.parse(example)]).toEqual([type, example])
  })
})

describe('the AsyncAPI document', () => {
  let diagnostics: { severity: number; message: string }[]
  beforeAll(async () => {
    const parsed = await new Parser().parse(JSON.stringify(document))
    diagnostics = parsed.diagnostics
  })

  it('[W7] is valid AsyncAPI 3', () => {
    const errors = diagnostics.filter(({ severity }) => severity === 0)

    expect(errors.map(({ message }) => message)).toEqual([])
    expect(document.asyncapi).toBe('3.0.0')
  })

  it('[W7] names every message, and every close code by its number', () => {
    const text = JSON.stringify(document)

    for (const row of UP_ROWS) expect(text).toContain(`"#/channels/socket/messages/up.${row.type}"`)
    for (const row of DOWN_ROWS) expect(text).toContain(`"#/channels/socket/messages/down.${row.type}"`)
    for (const code of Object.values(CLOSE_CODES)) expect(text).toContain(String(code))
  })
})

describe('the version of the wire', () => {
  it('[W8] has a new revision whenever a message, a close code or a sub-protocol changes', () => {
    const shapes = [upSchema, downSchema].map((schema) => z.toJSONSchema(schema, { io: 'input' }))
    const hash = createHash('sha256')
      .update(JSON.stringify([shapes, CLOSE_CODES, SUBPROTOCOLS]))
      .digest('hex')

    // When this fails, add a revision with this hash and one sentence on what is new; never change an old one.
    expect(hash.slice(0, 16)).toBe(WIRE_REVISIONS.at(-1)?.hash)
    expect(new Set(WIRE_REVISIONS.map((revision) => revision.hash)).size).toBe(WIRE_REVISIONS.length)
  })
})
