/**
 * Several pieces of news that follow on each other, as one: for those who are told later than others, and for those who
 * come back.
 *
 * Every change in its order; but a count that a later one of the same kind replaces is left out, as the room itself leaves
 * it out between two frames (rooms/news-desk.ts). What is said once each time it happens (a phase, sold out, restocked,
 * low stock, words) is kept each time.
 */
import type { Change, News } from '../../protocol/messages/news.ts'

/** `news`: one at least, oldest first, each from where the one before ends. */
export function inOne(news: readonly [News, ...News[]]): News {
  const [first] = news
  const last = news.at(-1) ?? first
  if (last === first) return first

  const newer = new Set<string>()
  const changes: Change[] = []
  for (const one of news.toReversed()) {
    for (const change of one.changes.toReversed()) {
      const count = countOf(change)
      if (count !== undefined && newer.has(count)) continue
      if (count !== undefined) newer.add(count)
      changes.push(change)
    }
  }
  const { type, drop, position, at } = last
  return { type, drop, position, ...(first.from && { from: first.from }), at, changes: changes.reverse() }
}

/** Which number it says, if it says nothing else. */
function countOf(change: Change): string | undefined {
  if (change.kind === 'left') return `left of ${change.sku}`
  return change.kind === 'viewers' ? 'viewers' : undefined
}
