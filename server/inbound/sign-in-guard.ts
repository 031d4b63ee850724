/**
 * How often somebody may try a password, and among whom they wait.
 *
 * Two paces, both over all nodes: of an account from one network, against guessing; and of a network over all accounts,
 * against trying one stolen list after another. There is none of an account from everywhere: whoever knew an e-mail
 * address could lock its owner out with it. So a flood of wrong passwords, from however many networks, never keeps
 * out the owner who comes from another one.
 *
 * When Redis does not answer, each node counts for itself: an attacker then has as many allowances as there are nodes,
 * and everybody can still sign in.
 */
import type { Log } from '../../rooms/ports.ts'
import type { KnownNetworks } from '../../storage/paces/known-networks.ts'
import type { RedisPaces } from '../../storage/paces/redis-paces.ts'
import { neighbourhoodOf } from './addresses.ts'
import type { Paces } from './paces.ts'
import type { InLine } from './password-line.ts'

export interface SignInGuardWorld {
  shared: Pick<RedisPaces, 'take'>
  known: Pick<KnownNetworks, 'has' | 'add'>
  /** Of an account from a network, and of a network; undefined: not limited. Counted here only while Redis is away. */
  account: Paces | undefined
  network: Paces | undefined
  log: Pick<Log, 'warn' | 'info'>
}

export class SignInGuard {
  readonly #world: SignInGuardWorld
  #away = false

  constructor(world: SignInGuardWorld) {
    this.#world = world
  }

  /** 0: try. Else how long to wait. Never throws. */
  async take(email: string, network: string): Promise<number> {
    const { account, network: networks } = this.#world
    const waits = await Promise.all([
      account === undefined ? 0 : this.#take('password', account, `${email.toLowerCase()} ${network}`),
      networks === undefined ? 0 : this.#take('sign-in', networks, network),
    ])
    return Math.max(...waits)
  }

  /** Without Redis everybody is a stranger. Never throws. */
  async placeOf(email: string, network: string): Promise<InLine> {
    const neighbourhood = neighbourhoodOf(network)
    const isKnown = await this.#world.known.has(email.toLowerCase(), neighbourhood).catch(() => false)
    return { neighbourhood, isKnown }
  }

  /** Their password was right. Not waited for. */
  welcome(email: string, network: string): void {
    // Redis is away, as `take` has said: they are a stranger the next time.
    this.#world.known.add(email.toLowerCase(), neighbourhoodOf(network)).catch(() => undefined)
  }

  async #take(kind: string, paces: Paces, name: string): Promise<number> {
    try {
      const waitMs = await this.#world.shared.take(kind, name, paces.pace)
      this.#note(false)
      return waitMs
    } catch (cause) {
      this.#note(true, cause)
      return paces.take(name)
    }
  }

  /** Only a change is worth a line. */
  #note(away: boolean, cause?: unknown): void {
    if (away === this.#away) return

    this.#away = away
    if (away) this.#world.log.warn('sign_ins.counted_here', { cause: String(cause) })
    else this.#world.log.info('sign_ins.shared')
  }
}
