/**
 * Phones with the client of apps behind a network whose weather changes: good, or so slow that news piles up.
 *
 * They watch and order like everybody else, and wait for the end of each of their orders, however often their link is
 * ended on the way.
 */
import { io } from 'socket.io-client'
import { WebSocket } from 'ws'
import { Client, wsTransport } from '../client/client.ts'
import { socketio } from '../client/socketio.ts'
import type { Transport } from '../client/transport.ts'
import type { AnnouncedGaps } from './announced-gaps.ts'
import { GOOD, type Link, PhoneNetwork } from './phone-network.ts'

export type Over = 'native' | 'socketio'

export interface SlowPhonesPlan {
  /** `ws://…/ws`, of the node. */
  url: string
  over: Over
  drop: string
  tokens: readonly string[]
  gaps: AnnouncedGaps
}

interface Line {
  sku: string
  qty: number
}

/** Longer than any bad weather here: the end of an order is waited for. */
const PATIENCE_MS = 10 * 60_000
/** A reader that is too slow is closed with it (protocol/close-codes.ts). */
const SLOW_CODE = 3008

export class SlowPhones {
  readonly #network: PhoneNetwork
  readonly #clients: Client[]
  readonly #drop: string
  #weather: Link
  ordered = 0
  confirmed = 0
  /** Links that the node ended because nobody read. */
  ended = 0

  static async start(plan: SlowPhonesPlan): Promise<SlowPhones> {
    let phones: SlowPhones | undefined
    const network = await PhoneNetwork.before(plan.url, () => phones?.weather ?? GOOD)
    phones = new SlowPhones(network, plan)
    return phones
  }

  private constructor(network: PhoneNetwork, { over, drop, tokens, gaps }: SlowPhonesPlan) {
    this.#network = network
    this.#weather = GOOD
    this.#drop = drop
    this.#clients = tokens.map((token) => {
      const transport = gaps.through(transportTo(network.url, over))
      const client = new Client({ transport, getToken: () => Promise.resolve(token) })
      client.on('connection', (state) => {
        if (state.name === 'waiting' && state.code === SLOW_CODE) this.ended += 1
      })
      client.watch(drop)
      return client
    })
  }

  get count(): number {
    return this.#clients.length
  }

  get weather(): Link {
    return this.#weather
  }

  /** For the links that are there and for those to come. */
  turn(weather: Link): void {
    this.#weather = weather
    this.#network.turn(weather)
  }

  /** One order of each, which is waited for elsewhere (`open`). */
  order(linesOf: () => Line[]): void {
    for (const client of this.#clients) {
      this.ordered += 1
      void this.#settle(client, linesOf())
    }
  }

  get open(): number {
    return this.ordered - this.confirmed
  }

  /** Units left, as each of them sees the drop. */
  left(): (ReadonlyMap<string, number> | undefined)[] {
    return this.#clients.map((client) => {
      const { state } = client.watch(this.#drop)
      return state === undefined ? undefined : new Map(state.items.map(({ sku, left }) => [sku, left]))
    })
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.#network.close()
  }

  async #settle(client: Client, lines: Line[]): Promise<void> {
    const answer = await client.order(this.#drop, lines, { timeoutMs: PATIENCE_MS })
    if (answer.verdict === 'accepted' && (await answer.confirmed) === 'confirmed') this.confirmed += 1
  }
}

function transportTo(url: string, over: Over): Transport {
  if (over === 'native') return wsTransport(url, { socketClass: WebSocket })

  return socketio(io, url.replace('ws:', 'http:').replace(/\/ws$/, ''), { transports: ['websocket'] })
}
