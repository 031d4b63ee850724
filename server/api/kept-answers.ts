/**
 * Answers by the table's own word: kept where a row says `cache`, dropped on every node where one says `touches`.
 *
 * No handler knows of it. A write that answered, or that nobody knows the outcome of, touches its names when its handler
 * has ended, which is after its COMMIT and before its caller hears of it: whoever wrote reads what they wrote. One that
 * was refused for what it asked changed nothing and touches nothing, or strangers could empty the cache.
 */
import type { Endpoint, Kept } from '../../protocol/api/endpoint.ts'
import type { Clock } from '../../rooms/ports.ts'
import { HOT_CACHE_LIMITS, HotCache, type HotCacheLimits } from './hot-cache.ts'
import { isRefusal, type Refusal, weightOf } from './refusal.ts'
import type { AnyAsked, Route } from './route.ts'
import { type WrittenAnswer, writeAnswer } from './written-answer.ts'

export type Said = WrittenAnswer | Refusal

export class KeptAnswers {
  readonly #cache: HotCache<Said>

  constructor(clock: Clock, limits: HotCacheLimits = HOT_CACHE_LIMITS) {
    this.#cache = new HotCache<Said>(clock, sizeOf, limits)
  }

  /** What may be said at once to exactly this path and query. Only answers that are anybody's are kept at all. */
  fresh(path: string, query: string): Said | undefined {
    return this.#cache.fresh(query === '' ? path : `${path}?${query}`)
  }

  /** `touched` hears the names that a write has touched. */
  async answer(
    { endpoint, answer }: Route,
    path: string,
    asked: AnyAsked,
    touched: (names: readonly string[]) => void,
  ): Promise<Said> {
    const read = async () => written(await answer(asked), endpoint)

    const { cache, touches } = endpoint
    if (typeof cache === 'object' && endpoint.who === 'anyone') {
      const key = keyOf(cache, path, asked.query)
      return key === undefined ? read() : this.#cache.get(key, { ms: cache.ms, shows: fill(cache.shows, asked) }, read)
    }
    if (touches === undefined) return read()

    let changed = true
    try {
      const said = await read()
      changed = !isRefusal(said) || weightOf(said.refused).status >= 500
      return said
    } finally {
      if (changed) touched(fill(touches, asked))
    }
  }

  touch(names: readonly string[]): void {
    this.#cache.touch(names)
  }

  touchAll(): void {
    this.#cache.touchAll()
  }
}

/**
 * The path and the fields that tell answers apart, always in the same order and spelling. So a field that nobody knows
 * makes no new entry, and who asks in that spelling is answered from one look into a map. Undefined: not kept.
 */
function keyOf({ by = [] }: Kept, path: string, query: unknown): string | undefined {
  const fields = Object.entries(query ?? {}).filter(([, value]) => value !== undefined)
  if (fields.some(([name]) => !by.includes(name))) return undefined
  if (fields.length === 0) return path

  const known = new Map(fields)
  const spelled = by
    .filter((name) => known.has(name))
    .map((name) => `${name}=${encodeURIComponent(String(known.get(name)))}`)
  return `${path}?${spelled.join('&')}`
}

/** `drop/:id`, with the `id` of the path or the body. */
function fill(names: readonly string[], { params, body }: AnyAsked): string[] {
  const fields: Record<string, unknown> = { ...(body as object | undefined), ...(params as object | undefined) }
  return names.map((name) => name.replace(/:(\w+)/g, (_, field: string) => String(fields[field])))
}

export function written(said: Awaited<ReturnType<Route['answer']>>, { cache }: Endpoint): Said {
  return isRefusal(said) ? said : writeAnswer(said, cache)
}

function sizeOf(said: Said): number | undefined {
  return isRefusal(said) ? undefined : said.body.length
}
