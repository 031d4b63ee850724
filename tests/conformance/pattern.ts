/**
 * What a message is compared with in a dialogue.
 *
 * A map asks for its own fields and lets others be; a list asks for as many. A text in braces is a name: `"{key}"` takes
 * whatever is there the first time and asks for the same from then on, and what the other side says next is filled in
 * with it. `"{}"` is anything at all, and null is a field that must not be there.
 */
export type Names = Map<string, unknown>

const NAME = /^\{(\w*)\}$/

/** Undefined when it fits; else where it does not. Names are kept only of a pattern that fits. */
export function misfit(pattern: unknown, value: unknown, names: Names): string | undefined {
  const found = new Map(names)
  const why = compare(pattern, value, found, '')
  if (why === undefined) for (const [name, what] of found) names.set(name, what)
  return why
}

function compare(pattern: unknown, value: unknown, names: Names, at: string): string | undefined {
  const name = nameIn(pattern)
  if (name !== undefined) {
    if (value === undefined) return `${at} is missing`
    if (name === '') return undefined
    if (!names.has(name)) return void names.set(name, value)
    return same(names.get(name), value) ? undefined : `${at}: ${JSON.stringify(value)} is not the {${name}} of before`
  }
  if (pattern === null) return value === undefined || value === null ? undefined : `${at} must not be there`
  if (Array.isArray(pattern)) {
    if (!Array.isArray(value) || value.length !== pattern.length) return `${at}: expected ${pattern.length} items`
    return first(pattern, (part, index) => compare(part, value[index], names, `${at}.${index}`))
  }
  if (isMap(pattern)) {
    if (!isMap(value)) return `${at}: expected a map, not ${JSON.stringify(value)}`
    return first(Object.entries(pattern), ([field, part]) => compare(part, value[field], names, `${at}.${field}`))
  }
  return same(pattern, value) ? undefined : `${at}: expected ${JSON.stringify(pattern)}, not ${JSON.stringify(value)}`
}

/** A message to be said, with what the names stand for. */
export function filled(pattern: unknown, names: Names): unknown {
  const name = nameIn(pattern)
  if (name !== undefined) {
    if (!names.has(name)) throw new Error(`nothing was called {${name}} yet`)
    return names.get(name)
  }
  if (Array.isArray(pattern)) return pattern.map((part) => filled(part, names))
  if (!isMap(pattern)) return pattern

  return Object.fromEntries(Object.entries(pattern).map(([field, part]) => [field, filled(part, names)]))
}

const nameIn = (pattern: unknown) => (typeof pattern === 'string' ? NAME.exec(pattern)?.[1] : undefined)
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

function first<Item>(items: readonly Item[], look: (item: Item, index: number) => string | undefined) {
  for (const [index, item] of items.entries()) {
    const why = look(item, index)
    if (why !== undefined) return why
  }
  return undefined
}
