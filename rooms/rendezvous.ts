/**
 * Which node a drop prefers: rendezvous hashing (Thaler and Ravishankar, 1998).
 *
 * Each node draws a number for the drop and the highest wins. All nodes that know the same members agree without talking,
 * and when one leaves only its own drops move. Who is wrong about the members only wakes a room in the second-best place.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'

/** The nodes, the preferred one first. */
export function rendezvous(drop: DropId, nodes: readonly NodeId[]): NodeId[] {
  return nodes
    .map((node) => ({ node, weight: weigh(`${drop}|${node}`) }))
    .sort((a, b) => b.weight - a.weight || (a.node < b.node ? -1 : 1))
    .map(({ node }) => node)
}

/** FNV-1a, then the finish of MurmurHash3: FNV alone hardly moves the high bits for names that differ at the end. */
function weigh(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)

  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
