/**
 * Which web pages may talk to this node: an allow-list, and the pages that came from this very host.
 *
 * A request without an origin is no page's (a phone, a script) and is not judged here. `*` in the list lets every page
 * in; production refuses it (server/production.ts). Nothing here rests on cookies, so an allowed origin gets no
 * credentials mode.
 */
export class Origins {
  readonly #allowed: ReadonlySet<string>

  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed)
  }

  /** `host`: the request's own Host header. */
  allows(origin: string, host: string | undefined): boolean {
    if (this.#allowed.has(origin) || this.#allowed.has('*')) return true

    return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)
  }
}

export const CORS_REQUEST_HEADERS = 'authorization, content-type, idempotency-key, if-none-match, prefer, x-request-id'
export const CORS_ANSWER_HEADERS =
  'etag, location, preference-applied, ratelimit, ratelimit-policy, retry-after, x-request-id'
export const CORS_KEPT_S = 600
