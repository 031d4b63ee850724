/**
 * The one answer to a request, said at most once and never to somebody who has gone.
 *
 * uWebSockets.js ends the process when a response is touched after its client left, and when a handler ends without
 * having said that it will answer later. Both are settled here and nowhere else: the abort is listened for in the first
 * line, everything is written in one `cork`, and a second answer or one to nobody is silently no answer.
 */

import type { HttpResponse } from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import type { Endpoint } from '../../protocol/api/endpoint.ts'
import type { Refusal } from '../api/refusal.ts'
import type { Answer } from '../api/route.ts'
import { CORS_ANSWER_HEADERS, CORS_KEPT_S, CORS_REQUEST_HEADERS } from './http-origins.ts'
import { writeProblem } from './http-problem.ts'
import type { HttpQuestion } from './http-request.ts'

type Headers = Readonly<Record<string, string>>

export interface ReplyOptions {
  /** The page that may read the answer. */
  origin: string | undefined
  /** Called once: answered, or gone. */
  onDone(status: number | 'gone'): void
}

export class HttpReply {
  readonly #res: HttpResponse
  readonly #question: HttpQuestion
  readonly #options: ReplyOptions
  #done = false
  #noted: Headers = {}

  constructor(res: HttpResponse, question: HttpQuestion, options: ReplyOptions) {
    this.#res = res
    this.#question = question
    this.#options = options
    res.onAborted(() => this.#finish('gone'))
  }

  /** Goes with whatever is answered. */
  note(headers: Headers): void {
    this.#noted = headers
  }

  answer({ status, body, headers }: Answer, cache: Endpoint['cache']): void {
    const kind = {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': cache === 'public' ? 'public, no-cache' : 'no-store',
    }
    this.#say(status, { ...kind, ...headers }, isText(headers) ? String(body) : JSON.stringify(body))
  }

  refuse(refusal: Refusal, headers: Headers = {}): void {
    const problem = writeProblem(refusal, this.#question.requestId)
    this.#say(problem.status, { ...problem.headers, ...headers }, problem.text)
  }

  /** And closes the connection, for what is still coming is not wanted. */
  refuseAndHangUp(refusal: Refusal): void {
    const problem = writeProblem(refusal, this.#question.requestId)
    this.#say(problem.status, problem.headers, problem.text, true)
  }

  preflight(allow: string): void {
    this.#say(204, {
      allow,
      'access-control-allow-methods': allow,
      'access-control-allow-headers': CORS_REQUEST_HEADERS,
      'access-control-max-age': String(CORS_KEPT_S),
    })
  }

  #say(status: number, own: Headers, text?: string, hangUp = false): void {
    if (this.#done) return

    this.#finish(status)
    const headers = { ...own, ...this.#noted, ...this.#common() }
    this.#res.cork(() => {
      this.#res.writeStatus(`${status} ${STATUS_CODES[status] ?? 'Answer'}`)
      for (const [name, value] of Object.entries(headers)) this.#res.writeHeader(name, value)

      if (text === undefined)
        this.#res.endWithoutBody() // an argument, even undefined, would be written as the length
      else if (this.#question.method === 'head') this.#res.endWithoutBody(Buffer.byteLength(text), hangUp)
      else this.#res.end(text, hangUp)
    })
  }

  #common(): Headers {
    const { origin } = this.#options
    return {
      'x-request-id': this.#question.requestId,
      'x-content-type-options': 'nosniff',
      vary: 'origin',
      ...(origin === undefined
        ? {}
        : { 'access-control-allow-origin': origin, 'access-control-expose-headers': CORS_ANSWER_HEADERS }),
    }
  }

  #finish(status: number | 'gone'): void {
    if (this.#done) return

    this.#done = true
    this.#options.onDone(status)
  }
}

/** A handler that names a type of text has written it itself. */
function isText(headers: Headers | undefined): boolean {
  return headers?.['content-type']?.startsWith('text/') === true
}
