/**
 * One row of the REST table, as both sides see it: where it is, who may, what goes in and what comes out.
 *
 * The rows are data. The server checks requests by them (server/transports/http.ts), `/openapi.json` is written from
 * them (protocol/openapi.ts), and the tests throw the bad-input corpus at every field they name. What a row does not say
 * the server does not do: an endpoint without `query` reads no query, one without `body` takes none.
 *
 * A path is matched byte by byte and never percent-decoded, because no legal path here needs an escape. So `%2e`, `%00`
 * and `//` can only ever name nothing.
 */
import type { z } from 'zod'
import type { ProblemCode } from './problem.ts'

export const ROLES = ['fan', 'creator', 'admin'] as const
export type Role = (typeof ROLES)[number]

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** `anyone`: a token is not even read. `signed_in`: any role. A list: these roles and no other. */
export type WhoMay = 'anyone' | 'signed_in' | readonly Role[]

/** `Idempotency-Key`. `required`: 400 without it. `optional`: heeded when sent. `none`: not read. */
export type KeyRule = 'required' | 'optional' | 'none'

/** The allowance that a call is counted against; how large each one is, is the server's business. */
export type Limit = 'none' | 'read' | 'write' | 'order' | 'admin' | 'sign_in'

/**
 * A public answer that a node also keeps in its memory, written and ready to send, because many ask for it at once.
 *
 * What it shows and what a write touches are names, `products` or `product/:id`, where `:id` is that field of the path
 * or of the body. A write that touches a name ends, on every node, all that was kept under it.
 */
export interface Kept {
  /** Given out at most so long after its reading began, whatever messages between nodes were lost. */
  ms: number
  shows: readonly string[]
  /** The query fields that tell kept answers apart. Asked with any other, such as a cursor, an answer is not kept. */
  by?: readonly string[]
}

export interface Endpoint {
  /** One word for logs, measurements and the operationId of the OpenAPI document. */
  name: string
  method: Method
  /** A `:name` segment is a parameter of `params`. */
  path: `/${string}`
  tag: string
  /** One sentence, for people. */
  summary: string
  who: WhoMay
  limit: Limit
  key: KeyRule
  /**
   * `private` answers are never stored. `public` ones are the same for everybody and carry an ETag, so that whoever has
   * one may ask whether it is still good; how long this node keeps one itself is `Kept`.
   */
  cache: 'private' | 'public' | Kept
  /** Names of what this write changes for those who read. */
  touches?: readonly string[]
  params?: z.ZodType
  query?: z.ZodType
  /** Request headers beyond the usual ones, by lower-case name. */
  headers?: z.ZodType
  body?: z.ZodType
  /** By status. Everything that is not an answer is a problem document. */
  answers: Readonly<Record<number, z.ZodType>>
  /** The problem codes that are this endpoint's own, besides those that any request may meet. */
  refusals: readonly ProblemCode[]
  /** One believable call; `answers` by status. Every part parses by its schema. */
  example: {
    params?: unknown
    query?: unknown
    headers?: unknown
    body?: unknown
    answers: Readonly<Record<number, unknown>>
  }
}

/** Keeps the literal types of a row, so that its handler is typed by its schemas. */
export function endpoint<const E extends Endpoint>(row: E): E {
  return row
}
