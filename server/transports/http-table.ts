/**
 * Which route a request means: by its path first, then by its method.
 *
 * The path is compared as it came, segment by segment, without decoding: no legal path needs an escape, so an escape, a
 * doubled slash or a dot can only lead to "not found". A GET route answers HEAD as well.
 */
import type { Method } from '../../protocol/api/endpoint.ts'
import type { Route } from '../api/route.ts'

export type Found =
  | { found: 'route'; route: Route; params: Readonly<Record<string, string>> }
  /** The path is there; `allow` is what it understands. */
  | { found: 'path'; allow: string }
  | { found: 'nothing' }

interface Place {
  segments: readonly string[]
  routes: Map<Method, Route>
}

export class HttpTable {
  readonly #literal = new Map<string, Place>()
  readonly #patterns: Place[] = []

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route)
  }

  /** `method` in lower case, as it came otherwise. */
  find(method: string, path: string): Found {
    const { place, params } = this.#place(path) ?? {}
    if (place === undefined) return { found: 'nothing' }

    const route = place.routes.get((method === 'head' ? 'get' : method) as Method)
    if (route === undefined) return { found: 'path', allow: allowed(place.routes) }
    return { found: 'route', route, params: params ?? {} }
  }

  #place(path: string): { place: Place; params: Record<string, string> } | undefined {
    const literal = this.#literal.get(path)
    if (literal !== undefined) return { place: literal, params: {} }

    const segments = path.split('/', 16)
    for (const place of this.#patterns) {
      const params = match(place.segments, segments)
      if (params !== undefined) return { place, params }
    }
    return undefined
  }

  #add(route: Route): void {
    const { path, method, name } = route.endpoint
    const segments = path.split('/')
    const place = this.#known(path, segments)
    if (place.routes.has(method)) throw new Error(`two routes for ${method} ${path}, the second is ${name}`)

    place.routes.set(method, route)
  }

  #known(path: string, segments: string[]): Place {
    const isPattern = segments.some((segment) => segment.startsWith(':'))
    const known = isPattern
      ? this.#patterns.find((place) => place.segments.join('/') === path)
      : this.#literal.get(path)
    if (known !== undefined) return known

    const place: Place = { segments, routes: new Map() }
    if (isPattern) this.#patterns.push(place)
    else this.#literal.set(path, place)
    return place
  }
}

/** Every method that a path understands, the ones that come for free included. */
function allowed(routes: ReadonlyMap<Method, Route>): string {
  const methods = [...routes.keys()].flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]))
  return [...methods, 'OPTIONS'].join(', ')
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined

  const params: Record<string, string> = {}
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if (!part.startsWith(':')) {
      if (part !== segment) return undefined
    } else if (segment === '') {
      return undefined
    } else {
      params[part.slice(1)] = segment
    }
  }
  return params
}
