/**
 * A route is an endpoint with somebody who answers it.
 *
 * The handler gets what the row promises, read and typed, and answers a value: one of the row's answers, or a refusal.
 * It sees no request, no response and no header it did not ask for, so it can be tried in a test by calling it, and it
 * cannot forget a check that the table makes. What it throws is a fault of ours and becomes a problem document too.
 */
import type { z } from 'zod'
import type { Endpoint } from '../../protocol/api/endpoint.ts'
import type { IdempotencyKey } from '../../protocol/ids.ts'
import type { Identity } from '../inbound/session.ts'
import type { Refusal } from './refusal.ts'

type Part<E, Name extends string> = E extends Record<Name, infer S extends z.ZodType> ? z.output<S> : undefined
type CallerOf<E extends Endpoint> = E['who'] extends 'anyone' ? undefined : Identity
type KeyOf<E extends Endpoint> = E['key'] extends 'required'
  ? IdempotencyKey
  : E['key'] extends 'optional'
    ? IdempotencyKey | undefined
    : undefined

/** What a handler is given. */
export interface Asked<E extends Endpoint> {
  params: Part<E, 'params'>
  query: Part<E, 'query'>
  headers: Part<E, 'headers'>
  body: Part<E, 'body'>
  caller: CallerOf<E>
  /** Where the request came from, as it is counted (server/inbound/addresses.ts). */
  network: string
  key: KeyOf<E>
}

/** What a handler may say: a status of the row with a body of that status' schema. */
export type AnswerOf<E extends Endpoint> = {
  [Status in keyof E['answers'] & number]: {
    status: Status
    body: z.input<E['answers'][Status]>
    headers?: Readonly<Record<string, string>>
  }
}[keyof E['answers'] & number]

/** An answer whose row is not known any more: what the transport sends. */
export interface Answer {
  status: number
  body: unknown
  headers?: Readonly<Record<string, string>>
}

/** What the transport found in a request, by the row's schemas. */
export interface AnyAsked {
  params: unknown
  query: unknown
  headers: unknown
  body: unknown
  caller: Identity | undefined
  network: string
  key: IdempotencyKey | undefined
}

/** Says which of the row's answers this is; the status alone would be a mere number to the compiler. */
export function answer<const Status extends number, const Body>(
  status: Status,
  body: Body,
  headers?: Readonly<Record<string, string>>,
): { status: Status; body: Body; headers?: Readonly<Record<string, string>> } {
  return headers === undefined ? { status, body } : { status, body, headers }
}

export interface Route {
  endpoint: Endpoint
  answer(asked: AnyAsked): Promise<Answer | Refusal>
}

export function route<E extends Endpoint>(
  endpoint: E,
  handler: (asked: Asked<NoInfer<E>>) => Promise<AnswerOf<NoInfer<E>> | Refusal>,
): Route {
  // The one cast of the table: the transport has read every part by this very row's schemas.
  return { endpoint, answer: handler as unknown as Route['answer'] }
}
