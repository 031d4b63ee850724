/**
 * The one answer to a request, said at most once and never to somebody who has gone.
 *
 * uWebSockets.js ends the process when a response is touched after its client left, and when a handler ends without
 * having said that it will answer later. Both are settled here and nowhere else: the abort is listened for in the first
 * line, everything is written in one `cork`, and a second answer or one to nobody is silently no answer.
 */

import type { HttpResponse } from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import type { Refusal } from '../api/refusal.ts'
import { hasAlready, type WrittenAnswer } from '../api/written-answer.ts'
import type { GuardHeaders } from './guard-headers.ts'
import { CORS_ANSWER_HEADERS, CORS_KEPT_S, CORS_REQUEST_HEADERS } from './http-origins.ts'
import { writeProblem } from './http-problem.ts'
import type { HttpQuestion } from './http-request.ts'

type Headers = Readonly<Record<string, string>>

export interface ReplyOptions {
  /** The page that may read the answer. */
  origin: string | undefined
  guard: GuardHeaders
  /** Called once: answered, or gone. */
  onDone(status: number | 'gone'): void
}

export class HttpReply {
  readonly #res: HttpResponse
  readonly #question: HttpQuestion
  readonly #options: ReplyOptions
  #done = false
  #noted: Headers = {}
  #whenDone: () => void = () => undefined

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

  /** Called once it is answered, or they are gone. */
  whenDone(call: () => void): void {
    this.#whenDone = call
  }

  answer({ status, headers, body, etag }: WrittenAnswer): void {
    const asked = etag === undefined ? undefined : this.#question.headers.get('if-none-match')
    if (asked === undefined || etag === undefined || !hasAlready(asked, etag)) this.#say(status, headers, body)
    else
      this.#say(
        304,
        headers.filter(([name]) => name !== 'content-type'),
      )
  }

  refuse(refusal: Refusal, headers: Headers = {}, status?: number): void {
    const problem = writeProblem(refusal, this.#question.requestId, status)
    this.#say(problem.status, Object.entries({ ...problem.headers, ...headers }), problem.text)
  }

  /** And closes the connection, for what is still coming is not wanted. */
  refuseAndHangUp(refusal: Refusal): void {
    const problem = writeProblem(refusal, this.#question.requestId)
    this.#say(problem.status, Object.entries(problem.headers), problem.text, true)
  }

  preflight(allow: string): void {
    this.#say(204, [
      ['allow', allow],
      ['access-control-allow-methods', allow],
      ['access-control-allow-headers', CORS_REQUEST_HEADERS],
      ['access-control-max-age', String(CORS_KEPT_S)],
    ])
  }

  #say(status: number, own: readonly (readonly [string, string])[], body?: string | Uint8Array, hangUp = false): void {
    if (this.#done) return

    this.#finish(status)
    this.#res.cork(() => {
      this.#res.writeStatus(`${status} ${STATUS_CODES[status] ?? 'Answer'}`)
      for (const [name, value] of own) this.#res.writeHeader(name, value)
      this.#writeCommon()

      if (body === undefined)
        this.#res.endWithoutBody() // an argument, even undefined, would be written as the length
      else if (this.#question.method === 'head') this.#res.endWithoutBody(Buffer.byteLength(body), hangUp)
      else this.#res.end(body, hangUp)
    })
  }

  #writeCommon(): void {
    const { origin, guard } = this.#options
    for (const name in this.#noted) this.#res.writeHeader(name, this.#noted[name] ?? '')
    this.#res.writeHeader('x-request-id', this.#question.requestId)
    for (const [name, value] of guard) this.#res.writeHeader(name, value)
    this.#res.writeHeader('vary', 'origin')
    if (origin === undefined) return

    this.#res.writeHeader('access-control-allow-origin', origin)
    this.#res.writeHeader('access-control-expose-headers', CORS_ANSWER_HEADERS)
  }

  #finish(status: number | 'gone'): void {
    if (this.#done) return

    this.#done = true
    this.#whenDone()
    this.#options.onDone(status)
  }
}
