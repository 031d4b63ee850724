/**
 * How often a request may come: of each kind that the REST table names, per user, or per network for who is nobody.
 *
 * What is left is said with every answer, in the fields of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10), so
 * that a client can slow down before it is told to. `r` is what may be done at once, `t` the seconds until all of it is
 * back; in between it comes back evenly, for there is no window that ends.
 */
import type { Limit } from '../../protocol/api/endpoint.ts'
import type { UserId } from '../../protocol/ids.ts'
import type { Pace } from './gcra.ts'
import type { Paces } from './paces.ts'

export type RestLimit = Exclude<Limit, 'none'>

export interface Counted {
  /** There: too often, and when to come again. */
  retryAfterMs?: number
  /** For the answer, whatever it is. */
  headers: Readonly<Record<string, string>>
}

export interface RestPaces {
  perUser: Paces | undefined
  perNetwork: Paces | undefined
}

export class RestAdmission {
  readonly #paces: Readonly<Record<RestLimit, RestPaces>>

  constructor(paces: Readonly<Record<RestLimit, RestPaces>>) {
    this.#paces = paces
  }

  /** Undefined: not limited. */
  admit(limit: Limit, { network, user }: { network: string; user?: UserId }): Counted | undefined {
    if (limit === 'none') return undefined

    const { perUser, perNetwork } = this.#paces[limit]
    const paces = user === undefined ? perNetwork : perUser
    if (paces === undefined) return undefined

    const name = user ?? network
    const waitMs = paces.take(name)
    const { left, wholeInMs } = paces.standing(name)
    const headers = {
      'ratelimit-policy': policyOf(limit, paces.pace),
      ratelimit: `"${limit}";r=${left};t=${Math.ceil(wholeInMs / 1000)}`,
    }
    return waitMs === 0 ? { headers } : { headers, retryAfterMs: Math.ceil(waitMs) }
  }
}

/** So many in so many seconds: the burst, in the time it takes to come back. */
function policyOf(limit: RestLimit, { burst, intervalMs }: Pace): string {
  return `"${limit}";q=${burst};w=${Math.ceil((burst * intervalMs) / 1000)}`
}
