/**
 * The AsyncAPI 3.0 document of the socket, written from the conversation table and the schemas the server reads by.
 *
 * As OpenAPI's (openapi.ts) it is derived and never edited. One channel, `/ws`: what a client may say are operations that
 * the server receives, each with the answers it may get; what the server says by itself is one operation that it sends.
 */
import { z } from 'zod'
import { CLOSE_CODES } from './close-codes.ts'
import { DOWN_ROWS, type DownType, UP_ROWS, type UpType } from './conversation.ts'
import { downSchema } from './down.ts'
import type { About } from './openapi.ts'
import { upSchema } from './up.ts'
import { SUBPROTOCOLS } from './version.ts'

type Json = Record<string, unknown>

export interface AsyncApi extends Json {
  asyncapi: string
}

/** Said without being asked, or long after it was asked. */
const UNASKED: readonly DownType[] = [
  ...(['news', 'confirmed', 'revoked', 'cancelled', 'notice', 'auth_expiring', 'goaway', 'error'] as const),
]

export function asyncApi({ title, version }: About): AsyncApi {
  const up = UP_ROWS.map((row) => [nameUp(row.type), message(row, schemaOf(upSchema, row.type), 'input')] as const)
  const down = DOWN_ROWS.map(
    (row) => [nameDown(row.type), message(row, schemaOf(downSchema, row.type), 'output')] as const,
  )
  const messages = Object.fromEntries([...up, ...down])
  return {
    asyncapi: '3.0.0',
    info: { title: `${title} socket`, version, description: ABOUT },
    defaultContentType: 'application/json',
    channels: {
      socket: {
        address: '/ws',
        messages: Object.fromEntries(
          Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: { ws: { method: 'GET' } },
      },
    },
    operations: {
      ...Object.fromEntries(UP_ROWS.map((row) => [row.type, receive(row.type, row.answers)])),
      tell: { action: 'send', channel: CHANNEL, summary: 'Said unasked.', messages: refs(UNASKED.map(nameDown)) },
    },
    components: { messages },
  }
}

const CHANNEL = { $ref: '#/channels/socket' }

const ABOUT = `One frame is one message or an array of them. Sub-protocols: ${Object.keys(SUBPROTOCOLS).join(', ')}; a second one,
\`bearer.<jwt>\`, may carry the token. Every message may be answered with \`error\`. Close codes: ${Object.entries(
  CLOSE_CODES,
)
  .map(([reason, code]) => `${code} ${reason}`)
  .join(', ')}; 3000-3499 and 4000-4499 come back with full jitter, the others stay away.`

function receive(type: UpType, answers: readonly DownType[]): Json {
  return {
    action: 'receive',
    channel: CHANNEL,
    messages: refs([nameUp(type)]),
    reply: { channel: CHANNEL, messages: refs([...answers, 'error' as const].map(nameDown)) },
  }
}

function message({ type, summary, example }: Row, schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...payload } = z.toJSONSchema(schema, { io })
  return { name: type, title: type, summary, payload, examples: [{ name: type, payload: example }] }
}

interface Row {
  type: string
  summary: string
  example: unknown
}

function schemaOf(union: { options: readonly Option[] }, type: string): z.ZodType {
  const found = union.options.find((option) => option.shape.type.value === type)
  if (found === undefined) throw new Error(`no message is called ${type}`)
  return found as unknown as z.ZodType
}

interface Option {
  shape: { type: { value: string } }
}

/** `clock` and `auth` are said in both directions. */
const nameUp = (type: string) => `up.${type}`
const nameDown = (type: string) => `down.${type}`
const refs = (names: readonly string[]) => names.map((name) => ({ $ref: `#/channels/socket/messages/${name}` }))
