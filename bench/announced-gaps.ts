/**
 * Whether watchers are told of every gap: an ear at a client's transport.
 *
 * News says after which position it is complete. Whoever hears news that begins after what they know, or that is older,
 * has been left with a hole or a lie; whoever is shown a snapshot in its place has been told.
 */
import type { LinkEars, Transport } from '../client/transport.ts'
import type { Down } from '../protocol/down.ts'
import { comparePositions, type Position } from '../protocol/position.ts'

export class AnnouncedGaps {
  /** Snapshots in place of news that was not told, and pieces of news that stand for all that was missed. */
  announced = 0
  unannounced = 0

  /** One watcher of one drop, over all of its links. */
  through(transport: Transport): Transport {
    let known: Position | undefined
    const note = (message: Down) => {
      if (message.type !== 'snapshot' && message.type !== 'news') return

      const { position } = message
      if (message.type === 'snapshot') {
        if (known !== undefined) this.announced += 1
      } else {
        if (message.recovered === true && message.changes.length > 0) this.announced += 1
        if (known === undefined || followsOn(message, known) === false) this.unannounced += 1
      }
      if (known !== undefined && comparePositions(position, known) < 0) this.unannounced += 1
      known = position
    }
    return (ears: LinkEars) =>
      transport({
        opened: () => ears.opened(),
        heard: (said) => {
          const frame = said as Down | Down[]
          for (const message of Array.isArray(frame) ? frame : [frame]) note(message)
          ears.heard(said)
        },
        closed: (code, reason) => ears.closed(code, reason),
      })
  }
}

function followsOn({ from, position }: Extract<Down, { type: 'news' }>, known: Position): boolean {
  return position.epoch === known.epoch && (from === undefined || comparePositions(from, known) <= 0)
}
