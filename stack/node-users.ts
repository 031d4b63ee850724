/**
 * What a node may do in Redis and in NATS, and nothing else: rules for a user of its own, as docs/security.md gives them
 * to whoever runs the servers. The local stack uses the same ones, so that what is written there is what runs here.
 *
 * Redis: the keys and channels that begin with the prefix; never a command that ends, empties, reconfigures or watches the
 * server. `CONFIG GET` and `INFO` are read at the start. NATS: the subjects of the prefix, answers, and the one stream.
 */
import { createHash } from 'node:crypto'

/** LIVEDROP_PREFIX, unless it is set. */
export const PREFIX = 'ld'
export const NODE_USER = 'node'

export function redisNodeRules(prefix: string): string {
  const commands = '+@read +@write +@connection +@pubsub +eval +evalsha +time -@admin -@dangerous +info +config|get'
  return `resetkeys ~${prefix}:* resetchannels &${prefix}:* -@all ${commands}`
}

export function natsNodePermissions(prefix: string) {
  const stream = `${prefix}-events`
  return {
    publish: [
      ...[`${prefix}.>`, '_INBOX.>', `$JS.API.STREAM.*.${stream}`, `$JS.API.CONSUMER.*.*.${stream}.>`],
      ...[`$JS.API.CONSUMER.MSG.NEXT.${stream}.>`, `$JS.ACK.${stream}.>`],
    ],
    subscribe: [`${prefix}.>`, '_INBOX.>'],
  }
}

/** Of the owner's, which stays unknown to whoever has this one. */
export function nodePassword(ownerPassword: string): string {
  return createHash('sha256').update(`node ${ownerPassword}`).digest('hex').slice(0, 36)
}

/** The same server by the node's own user. */
export function asNode(url: string): string {
  const address = new URL(url)
  address.password = nodePassword(address.password)
  address.username = NODE_USER
  return address.href
}
