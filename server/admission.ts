/**
 * Who may how often and how many, put together from a node's limits: one memory, one address book, and a part for each
 * door. Nothing here decides; server/inbound/ has the rules, server/limits.ts the numbers.
 */
import type { UserId } from '../protocol/ids.ts'
import type { BuyerPace, Log } from '../rooms/ports.ts'
import type { KnownNetworks } from '../storage/paces/known-networks.ts'
import type { RedisPaces } from '../storage/paces/redis-paces.ts'
import { Addresses } from './inbound/addresses.ts'
import { Doorkeeper } from './inbound/doorkeeper.ts'
import type { SessionLimits } from './inbound/gateway-greeting.ts'
import type { Pace } from './inbound/gcra.ts'
import { PaceMemory, Paces } from './inbound/paces.ts'
import { RestAdmission } from './inbound/rest-admission.ts'
import { SignInGuard } from './inbound/sign-in-guard.ts'
import type { Limits } from './limits.ts'

export interface AdmissionWorld {
  limits: Limits
  trustedProxies: readonly string[]
  shared: Pick<RedisPaces, 'take'>
  known: Pick<KnownNetworks, 'has' | 'add'>
  /** Sockets that are open on this node. */
  sockets(): number
  /** Of these: who waits to be greeted. */
  greeting(): number
  loopDelayMs(): number
  isReached(): boolean
  monotonicMs(): number
  random(): number
  log: Pick<Log, 'warn' | 'info'>
}

export interface Admission {
  addresses: Addresses
  /** For the rooms of this node. */
  buyers: BuyerPace | undefined
  sessions: SessionLimits
  rest: RestAdmission
  door: Doorkeeper
  signIns: SignInGuard
}

export function admissionOf(world: AdmissionWorld): Admission {
  const { limits, log } = world
  const memory = new PaceMemory()
  const paces = (pace: Pace | undefined) =>
    pace === undefined ? undefined : new Paces(pace, memory, world.monotonicMs)

  const buyers = paces(limits.orders)
  const perNetwork = paces(limits.anonymous)
  const signIns = paces(limits.signIns)
  return {
    addresses: new Addresses(world.trustedProxies),
    buyers: buyers === undefined ? undefined : { take: (buyer: UserId) => buyers.take(buyer) },
    sessions: { messages: limits.messages, socketsPerUser: limits.socketsPerUser },
    rest: new RestAdmission({
      read: { perUser: paces(limits.reads), perNetwork },
      write: { perUser: paces(limits.writes), perNetwork },
      admin: { perUser: paces(limits.admin), perNetwork },
      order: { perUser: paces(limits.orders), perNetwork },
      sign_in: { perUser: undefined, perNetwork: signIns },
    }),
    door: new Doorkeeper({
      handshakes: paces(limits.handshakes),
      limits,
      sockets: world.sockets,
      greeting: world.greeting,
      loopDelayMs: world.loopDelayMs,
      isReached: world.isReached,
      random: world.random,
      log,
    }),
    signIns: new SignInGuard({
      ...{ shared: world.shared, known: world.known },
      account: paces(limits.passwords),
      network: paces(limits.signIns),
      log,
    }),
  }
}
