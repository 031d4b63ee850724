/**
 * Whether a user of NATS may do more than a node needs, found by trying it on subjects that nobody has.
 *
 * A missing permission is said later and beside the answer. So what is tried is followed by questions: what was to be said
 * of it has been said when they end.
 */
import { randomBytes } from 'node:crypto'
import { NatsBus } from './nats-bus.ts'

export type NatsUserFound = { answers: false } | { answers: true; excess: string[] }

const NOTHING = new Uint8Array()

/** `excess`: what it may do beside its work, in words; empty for the user of docs/security.md. */
export async function examineNatsUser(url: string, prefix: string, withinMs: number): Promise<NatsUserFound> {
  let mayListen = true
  const hear = (event: string) => {
    if (event === 'bus.subscription_failed') mayListen = false
  }
  const bus = NatsBus.open({ url, name: 'doctor', log: { info: () => undefined, warn: () => undefined, error: hear } })
  try {
    if (!(await bus.ready(withinMs))) return { answers: false }

    const nobodys = `not-${prefix}.${randomBytes(8).toString('hex')}`
    bus.subscribe(nobodys, () => undefined)
    // Whoever may ask hears at once that nobody listens. The answer to what came before is there by then.
    const spoken = await bus.ask(`${nobodys}.asked`, NOTHING, withinMs)
    const streams = await bus.ask('$JS.API.STREAM.NAMES', NOTHING, withinMs)

    const excess: string[] = []
    if (mayListen) excess.push('listens to subjects beside its own')
    if (spoken.heard === 'nobody') excess.push('speaks on subjects beside its own')
    if (streams.heard === 'answer') excess.push('reaches streams beside its own')
    return { answers: true, excess }
  } finally {
    await bus.close()
  }
}
