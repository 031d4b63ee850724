/**
 * The HTTP door: every REST request goes through this one wrapper, in this order.
 *
 *   path -> method -> origin -> body (bounded) -> who -> how often -> kept? -> fields -> handler (bounded) -> answer
 *
 * What is cheap to refuse is refused first. Nothing thrown in here reaches uWebSockets.js, where it would end the
 * process; what a handler throws is logged under the request's id and said as a problem document without a word of it.
 *
 * One request after another on a connection: a client that pipelines behind an answer that is not there yet is cut off
 * by uWebSockets.js, so two answers can never change places.
 */
import type { HttpResponse } from 'uWebSockets.js'
import type { Limit } from '../../protocol/api/endpoint.ts'
import type { UserId } from '../../protocol/ids.ts'
import { type KeptAnswers, type Said, written } from '../api/kept-answers.ts'
import { isRefusal, type Refusal, refuse } from '../api/refusal.ts'
import type { Route } from '../api/route.ts'
import { Addresses } from '../inbound/addresses.ts'
import type { RestAdmission } from '../inbound/rest-admission.ts'
import type { Tokens } from '../inbound/tokens.ts'
import type { NodeLog } from '../log.ts'
import type { EdgeApp } from './edge-app.ts'
import { type GuardHeaders, guardHeaders } from './guard-headers.ts'
import { AwaitedBodies, BODY_MAX, readBody } from './http-body.ts'
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
  /** Answers that many ask for, and who hears what a write has touched. Without it nothing is kept. */
  kept?: KeptAnswers
  touched?: (names: readonly string[]) => void
  /** How often somebody may. Without it everybody may always. */
  admission?: Pick<RestAdmission, 'admit'>
  /** Whose word on addresses is believed. Without it nobody's. */
  addresses?: Addresses
  /** Browsers are told to come by https only, from now on. */
  httpsOnly?: boolean
}

export interface HttpLimits {
  bodyBytes: number
  handlerMs: number
  /** Requests that are being answered; one more hears `overloaded`, unless it asks how the node is. */
  inFlight: number
  /** Bodies that are waited for, and those of one network. */
  bodies: number
  bodiesPerNetwork: number
}

export const HTTP_LIMITS: HttpLimits = {
  ...{ bodyBytes: BODY_MAX, handlerMs: 10_000, inFlight: 4_096 },
  ...{ bodies: 2_048, bodiesPerNetwork: 128 },
}

type FoundRoute = Extract<Found, { found: 'route' }>

export class Http {
  readonly #world: HttpWorld
  readonly #limits: HttpLimits
  readonly #table: HttpTable
  readonly #origins: Origins
  readonly #addresses: Addresses
  readonly #guard: GuardHeaders
  readonly #awaited: AwaitedBodies
  #inFlight = 0

  constructor(world: HttpWorld, limits: HttpLimits = HTTP_LIMITS) {
    this.#world = world
    this.#limits = limits
    this.#table = new HttpTable(world.routes)
    this.#origins = new Origins(world.origins)
    this.#addresses = world.addresses ?? new Addresses([])
    this.#guard = guardHeaders(world.httpsOnly === true)
    this.#awaited = new AwaitedBodies(limits.bodies, limits.bodiesPerNetwork)
  }

  /** Requests that have no answer yet. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Takes every path that no more exact pattern of the app takes. */
  attach(app: Pick<EdgeApp, 'any'>): void {
    app.any('/*', (res, req) => {
      try {
        const question = copyQuestion(res, req)
        // Without a word: behind an answer the library would go on to read what may be the inside of a body.
        if (question.isEndless) res.close()
        else this.#hear(res, question)
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
      guard: this.#guard,
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
    const { method, path, repeated, headBytes } = question
    const found = this.#table.find(method, path)

    if (headBytes > HEAD_BYTES_MAX) reply.refuse(HEAD_TOO_LARGE, {}, 431)
    else if (repeated !== undefined) reply.refuseAndHangUp(cameTwice(repeated))
    else if (found.found === 'nothing') reply.refuse(refuse('not_found', { detail: 'no such path' }))
    else if (!mayRead) reply.refuse(refuse('forbidden', { detail: 'this origin may not call' }))
    else if (found.found === 'path' && method === 'options') reply.preflight(found.allow)
    else if (found.found === 'path') {
      reply.refuse(refuse('method_not_allowed', { detail: `understood here: ${found.allow}` }), { allow: found.allow })
    } else if (this.#isFull && found.route.endpoint.limit !== 'none') {
      reply.refuseAndHangUp(overloaded())
    } else this.#take(res, found, question, reply)
  }

  get #isFull(): boolean {
    return this.#inFlight - this.#awaited.size > this.#limits.inFlight
  }

  #take(res: HttpResponse, found: FoundRoute, question: HttpQuestion, reply: HttpReply): void {
    const { bodyBytes } = this.#limits
    const { method, limit } = found.route.endpoint

    if (method === 'get') {
      const kept = this.#world.kept?.fresh(question.path, question.query)
      if (kept !== undefined) say(reply, this.#held(limit, question, reply) ?? kept)
      else void this.#answer(found, question, NO_BODY, reply)
    } else if (Number(question.headers.get('content-length') ?? 0) > bodyBytes) {
      reply.refuseAndHangUp(tooLarge(bodyBytes))
    } else this.#read(res, question, reply, (body) => void this.#answer(found, question, body, reply))
  }

  /** What is not read to its end is refused, and its connection with it. */
  #read(res: HttpResponse, question: HttpQuestion, reply: HttpReply, hear: (body: Buffer) => void): void {
    const arrived = this.#awaited.await(this.#networkOf(question))
    if (arrived === 'crowded') reply.refuseAndHangUp(refuse('rate_limited', { retryAfterMs: CROWDED_MS }))
    else if (arrived === 'full') reply.refuseAndHangUp(overloaded())
    else {
      reply.whenDone(arrived)
      const { bodyBytes } = this.#limits
      readBody(res, bodyBytes, (body) => {
        arrived()
        if (body === 'too_large') reply.refuseAndHangUp(tooLarge(bodyBytes))
        else hear(body)
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
      say(reply, said)
    } catch (cause) {
      this.#fail(question, reply, cause)
    } finally {
      clearTimeout(timer)
    }
  }

  async #ask({ route, params }: FoundRoute, question: HttpQuestion, body: Buffer, reply: HttpReply): Promise<Said> {
    const { endpoint } = route
    const caller = await admitted(endpoint.who, question.headers.get('authorization'), this.#world.tokens)
    // Whoever is not let in is counted as nobody, so that tokens cannot be tried for ever.
    const isSomebody = caller !== undefined && !isRefusal(caller)
    const held = this.#held(endpoint.limit, question, reply, isSomebody ? caller.user : undefined)
    if (held !== undefined) return held
    if (caller !== undefined && isRefusal(caller)) return caller

    const input = readInput(endpoint, question, params, body)
    if (isRefusal(input)) return input

    const { kept, touched = () => undefined } = this.#world
    const asked = { ...input, caller, network: this.#networkOf(question) }
    return kept === undefined
      ? written(await route.answer(asked), endpoint)
      : kept.answer(route, question.path, asked, touched)
  }

  /** How often: what is kept costs little and is counted like everything else. */
  #held(limit: Limit, question: HttpQuestion, reply: HttpReply, user?: UserId): Refusal | undefined {
    const network = this.#networkOf(question)
    const counted = this.#world.admission?.admit(limit, user === undefined ? { network } : { network, user })
    if (counted === undefined) return undefined

    reply.note(counted.headers)
    const { retryAfterMs } = counted
    return retryAfterMs === undefined ? undefined : refuse('rate_limited', { retryAfterMs })
  }

  #networkOf({ address, headers }: HttpQuestion): string {
    return this.#addresses.networkOf(address, headers.get('x-forwarded-for'))
  }

  #fail({ requestId, method, path }: HttpQuestion, reply: HttpReply, cause: unknown): void {
    this.#world.log.error('http.failed', { requestId, method, path, cause })
    reply.refuse(refusalOf(cause))
  }
}

function say(reply: HttpReply, said: Said): void {
  if (isRefusal(said)) reply.refuse(said)
  else reply.answer(said)
}

const NO_BODY = Buffer.alloc(0)
/** The library takes whatever comes in one piece, up to half a megabyte, and some headers are lists to be looked through. */
const HEAD_BYTES_MAX = 16 * 1024
const HEAD_TOO_LARGE = refuse('too_large', { detail: `what comes before a body is at most ${HEAD_BYTES_MAX} bytes` })
/** By then some of the bodies have come, or their connections are gone. */
const CROWDED_MS = 1_000

function overloaded(): Refusal {
  return refuse('overloaded', { detail: 'too many requests at once' })
}

function tooLarge(bytesMax: number): Refusal {
  return refuse('too_large', { detail: `a body is at most ${bytesMax} bytes` })
}

function cameTwice(header: string): Refusal {
  return refuse('bad_request', { errors: [{ at: `headers.${header}`, message: 'comes more than once' }] })
}
