/**
 * The HTTP door: every REST request goes through this one wrapper, in this order.
 *
 *   path -> method -> origin -> body (bounded) -> who -> how often -> fields -> handler (bounded) -> answer
 *
 * What is cheap to refuse is refused first. Nothing thrown in here reaches uWebSockets.js, where it would end the
 * process; what a handler throws is logged under the request's id and said as a problem document without a word of it.
 *
 * One request after another on a connection: a client that pipelines behind an answer that is not there yet is cut off
 * by uWebSockets.js, so two answers can never change places.
 */
import type { HttpResponse, TemplatedApp } from 'uWebSockets.js'
import { isRefusal, type Refusal, refuse } from '../api/refusal.ts'
import type { Answer, Route } from '../api/route.ts'
import { Addresses } from '../inbound/addresses.ts'
import type { RestAdmission } from '../inbound/rest-admission.ts'
import type { Tokens } from '../inbound/tokens.ts'
import type { NodeLog } from '../log.ts'
import { BODY_MAX, readBody } from './http-body.ts'
import { admitted } from './http-caller.ts'
import { readInput } from './http-input.ts'
import { Origins } from './http-origins.ts'
import { refusalOf } from './http-problem.ts'
import { HttpReply } from './http-reply.ts'
import { copyQuestion, type HttpQuestion } from './http-request.ts'
import { type Found, HttpTable } from './http-table.ts'

export interface HttpWorld {
  routes: readonly Route[]
  tokens: Pick<Tokens, 'verify'>
  /** Web pages that may call, besides those from this very host. */
  origins: readonly string[]
  log: Pick<NodeLog, 'debug' | 'error'>
  /** How often somebody may. Without it everybody may always. */
  admission?: Pick<RestAdmission, 'admit'>
  /** Whose word on addresses is believed. Without it nobody's. */
  addresses?: Addresses
}

export interface HttpLimits {
  bodyBytes: number
  handlerMs: number
  /** Requests that are being answered; one more hears `overloaded`. */
  inFlight: number
}

export const HTTP_LIMITS: HttpLimits = { bodyBytes: BODY_MAX, handlerMs: 10_000, inFlight: 4_096 }

type FoundRoute = Extract<Found, { found: 'route' }>

export class Http {
  readonly #world: HttpWorld
  readonly #limits: HttpLimits
  readonly #table: HttpTable
  readonly #origins: Origins
  readonly #addresses: Addresses
  #inFlight = 0

  constructor(world: HttpWorld, limits: HttpLimits = HTTP_LIMITS) {
    this.#world = world
    this.#limits = limits
    this.#table = new HttpTable(world.routes)
    this.#origins = new Origins(world.origins)
    this.#addresses = world.addresses ?? new Addresses([])
  }

  /** Requests that are being answered. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Takes every path that no more exact pattern of the app takes. */
  attach(app: TemplatedApp): void {
    app.any('/*', (res, req) => {
      try {
        this.#hear(res, copyQuestion(res, req))
      } catch (cause) {
        this.#world.log.error('http.not_heard', { cause })
        res.close()
      }
    })
  }

  #hear(res: HttpResponse, question: HttpQuestion): void {
    const { method, path, headers, requestId } = question
    const origin = headers.get('origin')
    const mayRead = origin === undefined || this.#origins.allows(origin, headers.get('host'))

    this.#inFlight += 1
    const reply = new HttpReply(res, question, {
      origin: mayRead ? origin : undefined,
      onDone: (status) => {
        this.#inFlight -= 1
        this.#world.log.debug('http.answered', { requestId, method, path, status })
      },
    })
    try {
      this.#direct(res, question, reply, mayRead)
    } catch (cause) {
      this.#fail(question, reply, cause)
    }
  }

  #direct(res: HttpResponse, question: HttpQuestion, reply: HttpReply, mayRead: boolean): void {
    const { method, path, repeated } = question
    const found = this.#table.find(method, path)

    if (repeated !== undefined) reply.refuseAndHangUp(cameTwice(repeated))
    else if (found.found === 'nothing') reply.refuse(refuse('not_found', { detail: 'no such path' }))
    else if (!mayRead) reply.refuse(refuse('forbidden', { detail: 'this origin may not call' }))
    else if (found.found === 'path' && method === 'options') reply.preflight(found.allow)
    else if (found.found === 'path') {
      reply.refuse(refuse('method_not_allowed', { detail: `understood here: ${found.allow}` }), { allow: found.allow })
    } else if (this.#inFlight > this.#limits.inFlight) {
      reply.refuseAndHangUp(refuse('overloaded', { detail: 'too many requests at once' }))
    } else this.#take(res, found, question, reply)
  }

  #take(res: HttpResponse, found: FoundRoute, question: HttpQuestion, reply: HttpReply): void {
    const { bodyBytes } = this.#limits
    const tooLarge = refuse('too_large', { detail: `a body is at most ${bodyBytes} bytes` })

    if (found.route.endpoint.method === 'get') {
      void this.#answer(found, question, NO_BODY, reply)
    } else if (Number(question.headers.get('content-length') ?? 0) > bodyBytes) {
      reply.refuseAndHangUp(tooLarge)
    } else {
      readBody(res, bodyBytes, (body) => {
        if (body === 'too_large') reply.refuseAndHangUp(tooLarge)
        else void this.#answer(found, question, body, reply)
      })
    }
  }

  /** Never rejects. */
  async #answer(found: FoundRoute, question: HttpQuestion, body: Buffer, reply: HttpReply): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const tooLate = new Promise<Refusal>((resolve) => {
      const late = refuse('unavailable', { detail: 'no answer in time' })
      timer = setTimeout(() => resolve(late), this.#limits.handlerMs)
    })
    try {
      const said = await Promise.race([this.#ask(found, question, body, reply), tooLate])
      if (isRefusal(said)) reply.refuse(said)
      else reply.answer(said, found.route.endpoint.cache)
    } catch (cause) {
      this.#fail(question, reply, cause)
    } finally {
      clearTimeout(timer)
    }
  }

  async #ask(
    { route, params }: FoundRoute,
    question: HttpQuestion,
    body: Buffer,
    reply: HttpReply,
  ): Promise<Answer | Refusal> {
    const { who, limit } = route.endpoint
    const { headers, address } = question
    const caller = await admitted(who, headers.get('authorization'), this.#world.tokens)
    const network = this.#addresses.networkOf(address, headers.get('x-forwarded-for'))

    // Whoever is not let in is counted as nobody, so that tokens cannot be tried for ever.
    const isSomebody = caller !== undefined && !isRefusal(caller)
    const counted = this.#world.admission?.admit(limit, isSomebody ? { network, user: caller.user } : { network })
    if (counted !== undefined) reply.note(counted.headers)
    if (counted?.retryAfterMs !== undefined) return refuse('rate_limited', { retryAfterMs: counted.retryAfterMs })
    if (caller !== undefined && isRefusal(caller)) return caller

    const input = readInput(route.endpoint, question, params, body)
    return isRefusal(input) ? input : route.answer({ ...input, caller, network })
  }

  #fail({ requestId, method, path }: HttpQuestion, reply: HttpReply, cause: unknown): void {
    this.#world.log.error('http.failed', { requestId, method, path, cause })
    reply.refuse(refusalOf(cause))
  }
}

const NO_BODY = Buffer.alloc(0)

function cameTwice(header: string): Refusal {
  return refuse('bad_request', { errors: [{ at: `headers.${header}`, message: 'comes more than once' }] })
}
