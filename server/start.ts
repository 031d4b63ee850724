/**
 * A node, put together from top to bottom in the order in which an order travels backwards: the stores first, then the
 * rooms that need them, then the edge that needs the rooms, then the door.
 *
 * Nothing here decides anything. Every part is given what it needs, by name, and knows nothing of the others.
 */
import { BusHerald } from '../bus/bus-herald.ts'
import { BusNeighbours, serveNeighbours } from '../bus/bus-neighbours.ts'
import { BusPostbox } from '../bus/bus-postbox.ts'
import { BusRooms } from '../bus/bus-rooms.ts'
import { Members } from '../bus/members.ts'
import { NatsEventConsumer } from '../bus/nats-event-consumer.ts'
import { NatsEventStream } from '../bus/nats-event-stream.ts'
import { listenSettled, NewsListener } from '../bus/news-listener.ts'
import { subjects as subjectsOf } from '../bus/subjects.ts'
import { ViewerCounts } from '../bus/viewer-counts.ts'
import { Fault } from '../protocol/faults.ts'
import type { DropId } from '../protocol/ids.ts'
import { Agenda } from '../rooms/agenda.ts'
import { Debts } from '../rooms/debts.ts'
import { Directory } from '../rooms/directory.ts'
import type { Settled } from '../rooms/ports.ts'
import { Reach } from '../rooms/reach.ts'
import { Replanning } from '../rooms/replanning.ts'
import { RETRY_AFTER_MS } from '../rooms/replies.ts'
import { ROOM_LIMITS } from '../rooms/room.ts'
import { Router } from '../rooms/router.ts'
import { Unwinding } from '../rooms/unwinding.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { AdminActions } from '../storage/accounts/admin-actions.ts'
import { SignIns } from '../storage/accounts/sign-ins.ts'
import { StandingBook } from '../storage/accounts/standings.ts'
import { auditUnits } from '../storage/audit.ts'
import { Products } from '../storage/catalog/products.ts'
import { Creators } from '../storage/creators/creators.ts'
import { Drops } from '../storage/drops/drops.ts'
import { PostgresPlans } from '../storage/drops/plans.ts'
import { FollowerCounts } from '../storage/follows/follower-counts.ts'
import { Follows } from '../storage/follows/follows.ts'
import { Inbox } from '../storage/inbox/inbox.ts'
import { RedisLeases } from '../storage/leases/redis-leases.ts'
import { RedisLedger } from '../storage/ledger/redis-ledger.ts'
import { OrderReader } from '../storage/orders/order-reader.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import { Outbox } from '../storage/outbox/outbox.ts'
import { KnownNetworks } from '../storage/paces/known-networks.ts'
import { RedisPaces } from '../storage/paces/redis-paces.ts'
import { readTimeMs } from '../storage/redis.ts'
import { RedisClock } from '../storage/redis-clock.ts'
import { RedisRollCall } from '../storage/roll/redis-roll-call.ts'
import { PostgresStockBook } from '../storage/stock/stock-book.ts'
import { admissionOf } from './admission.ts'
import { docsRoutes } from './api/docs.ts'
import { DropPages } from './api/drop-pages.ts'
import { KeptAnswers } from './api/kept-answers.ts'
import { pictureRoutes } from './api/pictures.ts'
import { apiRoutes } from './api/routes.ts'
import { WaitingBuyers } from './api/settlements.ts'
import { watchHalves } from './bus-halves.ts'
import type { Config } from './config.ts'
import { connectAll } from './dependencies.ts'
import { Health } from './health.ts'
import { Cancellations } from './inbound/cancellations.ts'
import { Gateway } from './inbound/gateway.ts'
import { IssuerKeys } from './inbound/issuer-keys.ts'
import { KeyRing } from './inbound/key-ring.ts'
import { watchKeys } from './inbound/key-watch.ts'
import { Outcomes } from './inbound/outcomes.ts'
import { Passwords } from './inbound/passwords.ts'
import { ROLL_LIMITS, SessionRoll } from './inbound/session-roll.ts'
import { Standings } from './inbound/standings.ts'
import { Tickets } from './inbound/tickets.ts'
import { Tokens } from './inbound/tokens.ts'
import type { NodeLog } from './log.ts'
import { LoopDelay } from './loop-delay.ts'
import { countedLog } from './metrics/counted-log.ts'
import { exposeMetrics } from './metrics/exposition.ts'
import { Meter } from './metrics/meter.ts'
import { meteredBook, meteredLedger, meteredRooms } from './metrics/metered.ts'
import { addReadings } from './metrics/readings.ts'
import { announceFollows, hearCreators } from './outbound/creator-ears.ts'
import { DropReader } from './outbound/drop-view-reader.ts'
import { hearEvents } from './outbound/event-ears.ts'
import { Hub } from './outbound/hub.ts'
import { InboxWriter } from './outbound/inbox-writer.ts'
import { Mine } from './outbound/mine.ts'
import { Notices } from './outbound/notices.ts'
import { OutboxPublisher } from './outbound/outbox-publisher.ts'
import { announceTouches, hearTouches } from './outbound/touch-ears.ts'
import { Reconciler } from './reconciler.ts'
import { stopInOrder } from './stop.ts'
import { watchStoreSettings } from './store-settings.ts'
import { readCertificate } from './transports/certificate.ts'
import { watchCertificate } from './transports/certificate-watch.ts'
import { RenewableApp } from './transports/edge-app.ts'
import { Heartbeat } from './transports/heartbeat.ts'
import { Http } from './transports/http.ts'
import { nativeBroadcaster, serveNative } from './transports/native.ts'
import { allOf } from './transports/peer.ts'
import { serveSocketIo } from './transports/socketio.ts'
import { Pollers } from './transports/socketio-pollers.ts'

export interface RunningNode {
  /** `http://host:port` */
  url: string
  /** Lets go of everything in order. Resolves when nothing is left; call it once. */
  stop(): Promise<void>
}

const LETTERS_WAITING_MAX = 20_000
const SEND_AWAY_WITHIN_MS = 5_000

/** `readKeys`: the keys as they are set now, to be changed without a restart. */
export async function startNode(config: Config, lines: NodeLog, readKeys = () => config.keys): Promise<RunningNode> {
  const { nodeId: node, prefix } = config
  const meter = new Meter()
  const log = countedLog(lines, meter)
  const random = Math.random
  const subjects = subjectsOf(prefix)
  if (config.tls !== undefined) readCertificate(config.tls)
  const stores = await connectAll(config, log)
  const { bus, ledgerRedis, leaseRedis, readRedis, roomPostgres, edgePostgres } = stores

  // --- time, and who else is here ------------------------------------------------------------------------------------
  const clock = new RedisClock(() => leaseRedis.call(readTimeMs))
  await clock.start()
  const wire = { bus, subjects, node, clock, log }
  const members = new Members({ ...wire, atBoot: clock.nowMs() })
  const preferred = (drop: DropId) => members.preferred(drop)

  // --- how often, and how many ---------------------------------------------------------------------------------------
  const loopDelay = new LoopDelay()
  const admission = admissionOf({
    ...{ limits: config.limits, trustedProxies: config.trustedProxies, random, log },
    shared: new RedisPaces(readRedis, prefix),
    known: new KnownNetworks(readRedis, prefix),
    sockets: () => roll.size,
    greeting: () => gateway.greeting,
    loopDelayMs: () => loopDelay.p99Ms,
    isReached: () => reach.letsIn,
    monotonicMs: () => clock.monotonicMs(),
  })

  // --- the stores, as rooms and people see them ----------------------------------------------------------------------
  const ledger = meteredLedger(new RedisLedger(ledgerRedis, prefix), meter)
  const readLedger = new RedisLedger(readRedis, prefix)
  const leases = new RedisLeases(leaseRedis, prefix)
  const book = meteredBook(new PostgresDropBook(roomPostgres.sql, () => publisher.poke()), meter, clock)
  const drops = new Drops(edgePostgres.sql)
  const orders = new OrderReader(edgePostgres.sql)
  const follows = new Follows(edgePostgres.sql)
  const stock = new PostgresStockBook(edgePostgres.sql)

  // --- the edge, outward: who is told what ---------------------------------------------------------------------------
  const app = new RenewableApp(config.tls)
  const pollers = new Pollers()
  const broadcaster = allOf(nativeBroadcaster(app), pollers)
  const notices = new Notices({ clock, log, follows, broadcaster })
  const viewerCounts = new ViewerCounts(wire)
  const hub = new Hub({
    clock,
    random,
    log,
    reader: new DropReader(drops, readLedger, clock),
    mine: new Mine(orders, clock),
    broadcaster,
    notices,
    feed: new NewsListener(wire),
    viewers: {
      live: () => members.live(),
      say: (drop, count, asks) => viewerCounts.say(drop, count, asks),
      listen: (drop, hear) => viewerCounts.listen(drop, hear),
    },
  })
  bus.onState((connected) => {
    if (connected) hub.heardNothing()
  })
  const roll: SessionRoll = new SessionRoll(clock, random, ROLL_LIMITS, hub)
  const settlements = new WaitingBuyers()
  const settled = (list: readonly Settled[]) => {
    hub.settled(list)
    settlements.settled(list)
  }
  const herald = new BusHerald(wire, { news: (news) => hub.news(news), settled })
  const ears = [listenSettled(wire, settled), hearEvents(wire, settled), hearCreators(wire, notices)]

  // --- the rooms -----------------------------------------------------------------------------------------------------
  const self = {
    surrender: (drop: DropId) => directory.surrender(drop),
    wake: async (drop: DropId) => void (await directory.wake(drop)),
  }
  const neighbours = new BusNeighbours(wire, members, self)
  const postbox = new BusPostbox({ ...wire, retryAfterMs: RETRY_AFTER_MS })
  const directory: Directory = new Directory({
    ...{ ledger, book, leases, neighbours, herald, postbox, clock, log, node, preferred },
    limits: ROOM_LIMITS,
    pace: admission.buyers,
    rooms: () => router,
    mayTake: () => reach.mayTake,
  })
  const remote = new BusRooms({ ...wire, limits: { waitingMax: LETTERS_WAITING_MAX, retryAfterMs: RETRY_AFTER_MS } })
  const router = new Router({ directory, neighbours, preferred, clock, node, remote })
  const rooms = meteredRooms(router, meter)
  ears.push(serveNeighbours(wire, self))
  members.start()
  const rollCall = new RedisRollCall(leaseRedis, prefix, () => clock.nowMs())
  const reach: Reach = new Reach({
    ...{ roll: rollCall, clock, log, node },
    unheardMs: () => members.unheardMs,
    giveUp: () => directory.giveUp(),
    sendAway: () => void roll.sendAway(SEND_AWAY_WITHIN_MS),
  })
  ears.push(
    watchHalves({ roll: rollCall, node, live: () => members.live(), unheardMs: () => members.unheardMs, log, clock }),
  )
  const agenda = new Agenda({ ...{ book, leases, directory, preferred, clock, node, log } })
  ears.push(bus.subscribe(subjects.agenda, () => agenda.look()))
  const debts = new Debts({ book: stock, rooms, clock, log })
  debts.start()
  const plans = new PostgresPlans(edgePostgres.sql)
  const replanning = new Replanning({ ...{ book, plans, ledger, leases, neighbours, directory, log, node } })
  const unwinding = new Unwinding({ book: stock, clock, log })
  unwinding.start()
  const reconciler = new Reconciler({
    drops: () => directory.drops(),
    look: (drop) => auditUnits({ sql: edgePostgres.sql, ledger: readLedger }, drop),
    told: (sum) => meter.accounted(sum, clock.nowMs()),
    ...{ clock, log },
  })
  reconciler.start()

  // --- out of Postgres again -----------------------------------------------------------------------------------------
  const outbox = new Outbox(roomPostgres.sql)
  const stream = new NatsEventStream({ bus, subjects, knownSeq: () => outbox.knownSeq() })
  const publisher = new OutboxPublisher({ outbox, stream, subjects, clock, log })
  publisher.start()
  const inbox = new Inbox(edgePostgres.sql)
  const consumer = new NatsEventConsumer({ bus, subjects, stream, durable: 'inbox' })
  const inboxWriter = new InboxWriter({ consumer, inbox, clock, log })
  inboxWriter.start()
  ears.push(inboxWriter)

  // --- the edge, inward: who may ask what ----------------------------------------------------------------------------
  const nowMs = () => clock.nowMs()
  const standingBook = new StandingBook(edgePostgres.sql, { accountsAreElsewhere: config.issuer !== undefined })
  const standings = new Standings({ ...wire, book: standingBook, hub })
  const ring = new KeyRing(config.keys, nowMs)
  ears.push(await standings.start(), watchKeys({ read: readKeys, ring, clock, log }, config.keys))
  const issuerKeys = config.issuer && new IssuerKeys({ issuer: config.issuer, clock, log })
  issuerKeys?.start()
  if (issuerKeys !== undefined) ears.push(issuerKeys)
  const tokens = new Tokens(issuerKeys ?? ring, { nowMs, judge: standings })
  const tickets = new Tickets(ring, nowMs, standings)
  const outcomes = new Outcomes(readLedger, orders, drops, clock)
  const cancellations = new Cancellations({ stock, outcomes, rooms })
  const gateway: Gateway = new Gateway({
    ...{ clock, random, log, tokens, tickets, rooms, hub, outcomes, cancellations, roll },
    limits: admission.sessions,
  })
  ears.push(watchStoreSettings({ redis: readRedis, sql: edgePostgres.sql, log }, clock))
  const health = new Health(
    {
      redis: () => readRedis.call(readTimeMs),
      postgres: () => edgePostgres.sql`select 1`,
      nats: async () => {
        if (!bus.connected) throw new Fault('unavailable', { dependency: 'nats' })
      },
    },
    log,
  )
  const dropPages = new DropPages({ drops, ledger: readLedger, clock, log })
  const kept = new KeptAnswers(clock)
  ears.push(hearTouches(wire, [kept, dropPages]))
  const api = apiRoutes({
    ...{ drops, dropPages, orders, stock, rooms, replanning, herald, settlements, cancellations, tokens, health },
    ...{ nowMs, standingBook, standings, actions: new AdminActions(edgePostgres.sql) },
    publicKeys: () => (issuerKeys === undefined ? ring.publicKeys : []),
    accounts: new Accounts(edgePostgres.sql),
    signIns: new SignIns(edgePostgres.sql, nowMs),
    signInGuard: admission.signIns,
    creators: new Creators(edgePostgres.sql),
    follows,
    followerCounts: new FollowerCounts(readRedis, follows, prefix, log),
    announceFollows: announceFollows(wire, notices),
    inbox,
    products: new Products(edgePostgres.sql),
    passwords: new Passwords(),
    announceAgenda: () => void bus.publish(subjects.agenda, new Uint8Array()),
  })

  const routes = [
    ...api,
    ...(config.docs ? docsRoutes() : []),
    ...(config.pictures === undefined ? [] : pictureRoutes(config.pictures)),
  ]

  // --- the door ------------------------------------------------------------------------------------------------------
  const { addresses, rest, door } = admission
  const { httpsOnly, origins } = config
  const sockets = { gateway, log, origins, httpsOnly, door: { keeper: door, addresses } }
  const heartbeat = new Heartbeat(clock)
  serveNative(app, { ...sockets, heartbeat })
  const { fanout } = stores
  const socketIo = fanout && serveSocketIo(app, { ...sockets, pollers, fanout })
  const http = new Http({
    ...{ routes, tokens, log, addresses, kept, admission: rest },
    ...{ origins, httpsOnly },
    touched: announceTouches(wire, [kept, dropPages]),
  })
  http.attach(app)
  addReadings(meter, { roll, directory, hub, remote, http, loopDelay, publisher, health })
  loopDelay.start()
  hub.start()
  roll.start()
  heartbeat.start()
  if (config.metrics !== undefined) ears.push(await exposeMetrics(meter, config.metrics, log))
  const listener = await app.listen(config.host, config.port)
  if (config.tls !== undefined) ears.push(watchCertificate({ files: config.tls, app, clock, log }))
  const url = `${config.tls === undefined ? 'http' : 'https'}://${config.host.includes(':') ? `[${config.host}]` : config.host}:${listener.port}`
  log.info('node.listening', { url })

  return {
    url,
    stop: () => {
      loopDelay.stop()
      return stopInOrder(
        {
          ...{
            health,
            listener,
            http,
            agenda,
            debts,
            unwinding,
            reconciler,
            directory,
            reach,
            roll,
            heartbeat,
            hub,
            members,
            ears,
            publisher,
          },
          ...{ app, socketIo, clock, stores, log },
        },
        config.graceMs,
      )
    },
  }
}
