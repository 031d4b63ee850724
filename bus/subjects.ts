/**
 * Every NATS subject, in one place. The prefix keeps two installations (or two tests) on one server apart.
 * Ids are UUIDs or node ids (protocol/ids.ts), so a token can hold neither a dot nor a star.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'

export type Subjects = ReturnType<typeof subjects>

export function subjects(prefix: string) {
  return {
    /** Letters for a drop. Only its owner listens, so "no responders" means "no owner". */
    letters: (drop: DropId) => `${prefix}.drop.${drop}.letters`,
    /** A question to every node: give up what you remember of this drop. */
    surrender: `${prefix}.surrender`,
    /** To one node: wake this drop's room. */
    wake: (node: NodeId) => `${prefix}.node.${node}.wake`,
    /** To one node: orders that its sockets placed have been settled. */
    settled: (node: NodeId) => `${prefix}.node.${node}.settled`,
    /** News of one drop, for the nodes where it is watched. */
    news: (drop: DropId) => `${prefix}.drop.${drop}.news`,
    /** How many watch the drop on one node, for the other nodes where it is watched. */
    viewers: (drop: DropId) => `${prefix}.drop.${drop}.viewers`,
    /** "I am alive", from every node. */
    heartbeat: `${prefix}.nodes`,
    /** A drop was created or changed: look at the agenda again. */
    agenda: `${prefix}.agenda`,
    /** A user follows others than before: who has sockets of theirs, look. */
    follows: `${prefix}.follows`,
    /** The standing of an account changed: revoked, banned, another role. */
    standings: `${prefix}.standings`,
    /** Something that is read often was written: names of what changed, for whoever keeps it (server/api/hot-cache.ts). */
    touched: `${prefix}.touched`,
    /** Transitions of orders and drops, from the outbox. Captured by the JetStream stream, heard live by every node. */
    event: (kind: string) => `${prefix}.events.${kind}`,
    events: `${prefix}.events.>`,
    /** JetStream stream names allow no dots. */
    eventStream: `${prefix}-events`.replaceAll('.', '-'),
  }
}
