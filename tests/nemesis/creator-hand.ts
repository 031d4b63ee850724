/**
 * The creator of the run's drops at work while everything is hurt: restocks, pauses and resumes, closes.
 *
 * Over REST, by any node, with the same key again after 503, silence and a cut line, until there is an answer to keep. It
 * writes down when each thing was asked for and answered, and says nothing about right or wrong.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { DropId } from '../../protocol/ids.ts'
import type { Doing } from './history.ts'
import type { PlannedDoing } from './plan.ts'

export interface HandWorld {
  urls: readonly string[]
  token: string
  nowMs(): number
}

/** Shorter than a node's own patience, so that the same key is at two nodes at once. */
const ANSWER_WITHIN_MS = 2_500
const AGAIN_MIN_MS = 100
const AGAIN_JITTER_MS = 400

export class CreatorHand {
  readonly #world: HandWorld
  #turn = 0
  #keys = 0
  #resting = false

  constructor(world: HandWorld) {
    this.#world = world
  }

  /** Begins nothing any more and leaves what has no answer. */
  rest(): void {
    this.#resting = true
  }

  /** Everything that is planned for one drop; each doing is put into `doings` as it begins. */
  async work(drop: DropId, planned: readonly PlannedDoing[], doings: Doing[]): Promise<void> {
    const inOrder = [...planned].sort((a, b) => a.atMs - b.atMs)
    const isRestock = ({ what }: PlannedDoing) => what === 'restock'
    // Stock comes whatever the phase is; phases come one after the other, or nobody could say what they are to be.
    const restocks = inOrder.filter(isRestock).map((one) => this.#at(one, drop, doings))
    for (const one of inOrder.filter((other) => !isRestock(other))) await this.#at(one, drop, doings)
    await Promise.all(restocks)
  }

  /** Ends the sale, so that nobody looks after the drop any more. */
  async close(drop: DropId): Promise<void> {
    await this.#do('close', drop, [], [])
  }

  async #at(planned: PlannedDoing, drop: DropId, doings: Doing[]): Promise<void> {
    await pause(Math.max(0, planned.atMs - this.#world.nowMs()))
    const lines = planned.what === 'restock' ? planned.lines : []
    const doing = await this.#do(planned.what, drop, lines, doings)
    if (planned.what !== 'pause' || doing.said !== 'done') return

    await pause(planned.forMs)
    await this.#do('resume', drop, [], doings)
  }

  async #do(what: Doing['what'], drop: DropId, lines: Doing['lines'], doings: Doing[]): Promise<Doing> {
    this.#keys += 1
    const request = {
      path: `/v1/drops/${drop}/${what}`,
      key: `hand-${this.#keys}`,
      body: what === 'restock' ? { lines } : undefined,
    }
    const doing: Doing = {
      ...{ what, lines, sentMs: this.#world.nowMs(), repliedMs: Number.POSITIVE_INFINITY },
      ...{ said: 'silence', fresh: 0, detail: '' },
    }
    doings.push(doing)
    while (!this.#resting && doing.said === 'silence') {
      const heard = await this.#ask(request)
      if (heard.status === 200) {
        doing.said = 'done'
        if (!heard.repeated) doing.fresh += 1
      } else if (heard.status === 404 || heard.status === 409 || heard.status === 400) doing.said = 'refused'
      doing.detail = heard.text
      if (doing.said === 'silence') await pause(AGAIN_MIN_MS + Math.random() * AGAIN_JITTER_MS)
    }
    if (doing.said !== 'silence') doing.repliedMs = this.#world.nowMs()
    return doing
  }

  async #ask(request: { path: string; key: string; body: object | undefined }) {
    const { urls, token } = this.#world
    this.#turn += 1
    try {
      const answer = await fetch(`${urls[this.#turn % urls.length]}${request.path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'idempotency-key': request.key,
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      })
      const text = await answer.text()
      return { status: answer.status, text, repeated: /"repeated":true/.test(text) }
    } catch (cause) {
      return { status: 0, text: String(cause), repeated: false }
    }
  }
}
