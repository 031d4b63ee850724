/**
 * The OpenAPI 3.1 document, written from the REST table.
 *
 * It is derived and never edited, so it cannot say anything else than what the server checks. Schemas are zod's own JSON
 * Schema (2020-12, the dialect of 3.1) of what goes in; answers leave further fields open, so that a client written today
 * still reads the answers of tomorrow.
 */
import { z } from 'zod'
import type { Endpoint } from './api/endpoint.ts'
import { problemSchema } from './api/problem.ts'
import { idempotencyKeySchema } from './ids.ts'

type Json = Record<string, unknown>

export interface OpenApi extends Json {
  openapi: string
  paths: Record<string, Record<string, Json>>
}

export interface About {
  title: string
  version: string
}

const PROBLEM = { $ref: '#/components/schemas/Problem' }

export function openApi(endpoints: readonly Endpoint[], about: About): OpenApi {
  const paths: OpenApi['paths'] = {}
  for (const row of endpoints) {
    const path = openApiPath(row.path)
    paths[path] = { ...paths[path], [row.method]: operation(row) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: about.title,
      version: about.version,
      description:
        'Live, timed drops. Every GET also answers HEAD. Errors are RFC 9457 problem documents. Unknown body fields are refused.',
    },
    paths,
    components: {
      schemas: { Problem: jsonSchema(problemSchema) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  }
}

export function openApiPath(path: string): string {
  return path.replace(/:([a-zA-Z]+)/g, '{$1}')
}

function operation(row: Endpoint): Json {
  const { example } = row
  return {
    operationId: row.name,
    tags: [row.tag],
    summary: row.summary,
    description: describe(row),
    ...(row.who === 'anyone' ? {} : { security: [{ token: [] }] }),
    parameters: [
      ...parameters('path', row.params, example.params),
      ...parameters('query', row.query, example.query),
      ...keyParameter(row),
      ...parameters('header', row.headers, example.headers),
    ],
    ...(row.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: jsonSchema(row.body), example: example.body } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(row.answers).map(([status, schema]) => [
          status,
          {
            description: 'answer',
            content: { 'application/json': { schema: jsonSchema(schema), example: example.answers[Number(status)] } },
          },
        ]),
      ),
      default: {
        description: 'a problem document',
        content: { 'application/problem+json': { schema: PROBLEM } },
      },
    },
  }
}

function describe(row: Endpoint): string {
  const who =
    row.who === 'anyone' ? 'Anyone.' : row.who === 'signed_in' ? 'Signed in.' : `Signed in as ${row.who.join(' or ')}.`
  const refusals = row.refusals.length === 0 ? '' : ` Own problem codes: ${row.refusals.join(', ')}.`
  return who + refusals
}

function parameters(place: 'path' | 'query' | 'header', schema: z.ZodType | undefined, example: unknown): Json[] {
  if (schema === undefined) return []

  const { properties = {}, required = [] } = jsonSchema(schema) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  const examples = (example ?? {}) as Json
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: property,
    ...(name in examples ? { example: examples[name] } : {}),
  }))
}

function keyParameter(row: Endpoint): Json[] {
  if (row.key === 'none') return []

  return [
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: row.key === 'required',
      description: 'Chosen by the client, one for each thing it wants to happen at most once. Send the same one again.',
      schema: jsonSchema(idempotencyKeySchema),
      example: 'tap-1',
    },
  ]
}

/** `io: input`: what may be sent, before the server reads a text as a time or a number. */
function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return rest
}
