/**
 * The edge of a node without sockets: the real gateway, hub and sessions, between peers that write down what they hear
 * and stores that are plain objects. Time is wound by hand.
 */
import { unpack } from 'msgpackr'
import type { CloseReason } from '../../protocol/close-codes.ts'
import { decodeFrame, encode, type Frame, withId } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'
import type { CreatorId, DropId, OrderId, UserId } from '../../protocol/ids.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'
import type { Position } from '../../protocol/position.ts'
import type { OrderState } from '../../protocol/verdicts.ts'
import type { Format } from '../../protocol/version.ts'
import type { OrderReply } from '../../rooms/letters.ts'
import type { Claim, OrdersAsked, RoomNews, RoomState } from '../../rooms/ports.ts'
import type { CancelAsked, Cancellation } from '../../server/inbound/cancellations.ts'
import type { Gateway } from '../../server/inbound/gateway.ts'
import type { SessionLimits } from '../../server/inbound/gateway-greeting.ts'
import type { Identity, Session, Verified } from '../../server/inbound/session.ts'
import type { SessionRoll } from '../../server/inbound/session-roll.ts'
import type { Tickets } from '../../server/inbound/tickets.ts'
import type { DropPage } from '../../server/outbound/drop-view.ts'
import type { Hub, OtherViewers } from '../../server/outbound/hub.ts'
import type { MineRow } from '../../server/outbound/mine.ts'
import { Notices } from '../../server/outbound/notices.ts'
import type { Broadcaster, Peer } from '../../server/transports/peer.ts'
import { edge } from './edge.ts'
import { HandClock, START_MS, settled } from './hand-clock.ts'
import { buyer, sku } from './people.ts'

export const at = (epoch: number, seq: number): Position => ({ epoch, seq })

export class HeardPeer implements Peer {
  readonly id: string
  readonly format: Format
  readonly heard: Down[] = []
  readonly topics = new Set<string>()
  closed: { reason: CloseReason; retryAfterMs: number | undefined } | undefined
  bufferedBytes = 0
  /** Called once, by the transport. */
  onClose: () => void = () => undefined

  constructor(id: string, format: Format) {
    this.id = id
    this.format = format
  }

  get open(): boolean {
    return this.closed === undefined
  }

  send(message: Down): void {
    this.sendFrame(encode(message, this.format))
  }

  sendFrame(encoded: Frame, id?: RequestId): void {
    if (!this.open) return
    const frame = id === undefined ? encoded : withId(encoded, id)
    this.heard.push((typeof frame === 'string' ? JSON.parse(frame) : unpack(frame)) as Down)
  }

  together(call: () => void): void {
    if (this.open) call()
  }

  join(topic: string): void {
    this.topics.add(topic)
  }

  leave(topic: string): void {
    this.topics.delete(topic)
  }

  close(reason: CloseReason, retryAfterMs?: number): void {
    if (!this.open) return
    this.closed = { reason, retryAfterMs }
    this.topics.clear()
    this.onClose()
  }

  /** Everything heard since the last time. */
  take(): Down[] {
    return this.heard.splice(0)
  }
}

/** A connected client: what it says goes through the codec, as on the wire. */
export class Client {
  readonly peer: HeardPeer
  readonly session: Session
  readonly #gateway: Gateway

  constructor(gateway: Gateway, peer: HeardPeer, token: string | undefined) {
    this.#gateway = gateway
    this.peer = peer
    this.session = gateway.opened(peer, token)
    peer.onClose = () => gateway.closed(this.session)
  }

  say(...messages: unknown[]): void {
    const value = messages.length === 1 ? messages[0] : messages
    const frame = encode(value as Down, this.peer.format)
    this.#gateway.hear(this.session, decodeFrame(Buffer.from(frame as string), this.peer.format))
  }

  noise(): void {
    this.#gateway.hear(this.session, decodeFrame(Buffer.from([0xc1]), this.peer.format))
  }

  async asks(...messages: unknown[]): Promise<Down[]> {
    this.say(...messages)
    await settled()
    return this.peer.take()
  }
}

export class EdgeWorld {
  readonly clock = new HandClock()
  readonly pages = new Map<DropId, DropPage>()
  readonly rooms = new Map<DropId, RoomState>()
  readonly positions = new Map<OrderId, Position>()
  readonly rows = new Map<OrderId, { state: OrderState; buyer: UserId }>()
  readonly mine = new Map<UserId, MineRow[]>()
  readonly tokens = new Map<string, Verified>()
  readonly follows = new Map<UserId, CreatorId[]>()
  readonly listening = new Map<DropId, (news: RoomNews) => void>()
  readonly asked: string[] = []
  readonly claims: { drop: DropId; claim: Claim }[] = []
  readonly logged: string[] = []
  /** Encodings handed to the broadcaster. */
  readonly broadcasts: { topic: string; frame: Frame }[] = []
  order: (drop: DropId, claim: Claim) => Promise<OrderReply> = async () => ({ verdict: 'accepted', position: at(1, 1) })
  cancels: CancelAsked[] = []
  cancel: (asked: CancelAsked) => Promise<Cancellation> = async () => ({ said: 'unknown' })
  /** What each store does before it answers; a test may make it wait, or throw. */
  before: Record<'page' | 'room' | 'mine' | 'known' | 'states' | 'phases' | 'token', () => Promise<void>> = {
    page: async () => undefined,
    room: async () => undefined,
    mine: async () => undefined,
    known: async () => undefined,
    states: async () => undefined,
    phases: async () => undefined,
    token: async () => undefined,
  }
  /** The other nodes; nobody unless a test says who. */
  others: OtherViewers = { live: () => [], say: () => undefined, listen: () => ({ stop: async () => undefined }) }
  readonly #peers: HeardPeer[] = []

  readonly notices: Notices
  readonly hub: Hub
  readonly roll: SessionRoll
  readonly tickets: Tickets
  readonly gateway: Gateway

  /** `broadcaster`: for peers that are real sockets; without it the peers of connect() hear. */
  constructor(limits?: SessionLimits, broadcaster?: Broadcaster) {
    const log = {
      info: (event: string) => this.logged.push(event),
      warn: (event: string) => this.logged.push(event),
      error: (event: string) => this.logged.push(event),
    }
    const pages = {
      byId: (drop: DropId) => this.#asks('page', () => this.pages.get(drop)),
      phases: (drops: readonly DropId[]) =>
        this.#asks('phases', () => {
          return new Map(drops.flatMap((drop) => this.pages.get(drop) ?? []).map(({ drop, phase }) => [drop, phase]))
        }),
    }
    const ledger = {
      read: (drop: DropId) => this.#asks('room', () => this.rooms.get(drop)),
      known: (asked: readonly OrdersAsked[]) =>
        this.#asks('known', () =>
          asked.map(({ drop, orderIds }) => {
            return { isWhole: this.rooms.has(drop), positions: orderIds.map((id) => this.positions.get(id)) }
          }),
        ),
    }
    const orders = {
      mine: (_: DropId, buyers: readonly UserId[]) =>
        this.#asks(`mine`, () => new Map(buyers.map((who) => [who, this.mine.get(who) ?? []]))),
      states: (ids: readonly OrderId[]) =>
        this.#asks('states', () => new Map([...this.rows].filter(([id]) => ids.includes(id)))),
    }
    const toPeers: Broadcaster = {
      broadcast: (topic, frame) => {
        this.broadcasts.push({ topic, frame })
        for (const peer of this.#peers) if (peer.topics.has(topic)) peer.sendFrame(frame)
      },
    }
    const everybody = broadcaster ?? toPeers
    this.notices = new Notices({
      ...{ clock: this.clock, log, broadcaster: everybody },
      follows: { creatorsOf: async (users) => new Map(users.map((who) => [who, this.follows.get(who) ?? []])) },
    })
    const made = edge({
      ...{ clock: this.clock, random: () => 0.5, log, limits, pages, ledger, orders },
      ...{ broadcaster: everybody, notices: this.notices },
      viewers: {
        live: () => this.others.live(),
        say: (drop, count, asks) => this.others.say(drop, count, asks),
        listen: (drop, hear) => this.others.listen(drop, hear),
      },
      feed: {
        watch: (drop, hear) => {
          this.listening.set(drop, hear)
          return {
            stop: async () => {
              this.listening.delete(drop)
            },
          }
        },
      },
      cancellations: {
        cancel: (asked) => {
          this.cancels.push(asked)
          return this.cancel(asked)
        },
      },
      tokens: { verify: (token) => this.#asks('token', () => this.tokens.get(token) ?? 'invalid') },
      rooms: {
        order: (drop, claim) => {
          this.claims.push({ drop, claim })
          return this.order(drop, claim)
        },
      },
    })
    this.hub = made.hub
    this.roll = made.roll
    this.tickets = made.tickets
    this.gateway = made.gateway
  }

  /** A drop of ten shoes and ten hats whose room is open at 1-0, unless said otherwise. */
  addDrop(drop: DropId, page: Partial<DropPage> = {}, room: Partial<RoomState> | 'no_room' = {}): DropId {
    const item = (name: string) => ({
      sku: sku(name),
      title: name,
      priceMinor: 100,
      currency: 'EUR',
      total: 10,
      sold: 0,
    })
    this.pages.set(drop, {
      drop,
      phase: 'open',
      opensAtMs: START_MS - 60_000,
      closesAtMs: null,
      position: at(0, 0),
      items: [
        { ...item('shoe'), limit: 2 },
        { ...item('hat'), limit: null },
      ],
      ...page,
    })
    if (room !== 'no_room') this.setRoom(drop, room)
    return drop
  }

  setRoom(drop: DropId, room: Partial<RoomState>): void {
    const page = this.pages.get(drop)
    this.rooms.set(drop, {
      epoch: 1,
      seq: 0,
      batch: 0,
      phase: page?.phase ?? 'open',
      opensAtMs: page?.opensAtMs ?? START_MS,
      closesAtMs: page?.closesAtMs ?? null,
      limitPerBuyer: null,
      items: (page?.items ?? []).map((item) => ({ sku: item.sku, left: item.total, limit: item.limit })),
      nowMs: this.clock.nowMs(),
      ...room,
    })
  }

  /** News of shoes left, from one position to the next. */
  left(drop: DropId, from: Position, position: Position, left: number): RoomNews {
    return { drop, from, position, atMs: this.clock.nowMs(), changes: [{ kind: 'left', sku: sku('shoe'), left }] }
  }

  connect(format: Format = 'json', token?: string): Client {
    const peer = new HeardPeer(`peer-${this.#peers.length}`, format)
    this.#peers.push(peer)
    return new Client(this.gateway, peer, token)
  }

  /** A token that is good for a quarter of an hour. */
  token(name: string, identity: Partial<Identity> = {}): string {
    const token = `token-of-${name}`
    this.tokens.set(token, { user: buyer(name), role: 'fan', expiresAtMs: this.clock.nowMs() + 900_000, ...identity })
    return token
  }

  async anonymous(format: Format = 'json'): Promise<Client> {
    const client = this.connect(format)
    await client.asks({ type: 'hello' })
    return client
  }

  async signedIn(name: string, format: Format = 'json'): Promise<Client> {
    const client = this.connect(format)
    await client.asks({ type: 'hello', token: this.token(name) })
    return client
  }

  /** How often a store was asked. */
  times(store: string): number {
    return this.asked.filter((what) => what === store).length
  }

  async #asks<T>(store: keyof EdgeWorld['before'], answer: () => T): Promise<T> {
    this.asked.push(store)
    await this.before[store]()
    return answer()
  }
}

export const never = (): Promise<void> => new Promise(() => undefined)

/** A wait that a test ends when it likes. */
export function gate(): { wait: () => Promise<void>; open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { wait: () => opened, open }
}
