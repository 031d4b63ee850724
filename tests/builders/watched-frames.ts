/**
 * What watchers were shown, frame by frame, and the proof that none of them missed anything.
 *
 * A frame of news says after which position it is complete, but this does not take its word for it: the frames of all watchers
 * together are the truth about what was said, and each watcher must have seen every one of them, in order, from its
 * snapshot on; only another snapshot, as new as what is missing, may stand for it.
 */
import type { LinkEars, Transport } from '../../client/transport.ts'
import type { Down } from '../../protocol/down.ts'
import { comparePositions, formatPosition, ORIGIN, type Position } from '../../protocol/position.ts'

type Shown = { what: 'snapshot' | 'news' | 'recovered'; position: Position; counts: boolean }

export class WatchedFrames {
  readonly #shown = new Map<string, Shown[]>()
  readonly verdicts = new Map<string, number>()

  /** The transport, with an ear at it. */
  through(watcher: string, transport: Transport): Transport {
    return (ears: LinkEars) =>
      transport({
        ...ears,
        opened: () => ears.opened(),
        heard: (said) => {
          const frame = said as Down | Down[]
          for (const message of Array.isArray(frame) ? frame : [frame]) this.#note(watcher, message)
          ears.heard(said)
        },
        closed: (code, reason) => ears.closed(code, reason),
      })
  }

  /** Every way in which a watcher was shown less than was said, or something twice, or something old. */
  faults(): string[] {
    const said = this.#said()
    return [...this.#shown].flatMap(([watcher, shown]) => faultsOf(shown, said).map((fault) => `${watcher}: ${fault}`))
  }

  /** Snapshots and frames of news that all watchers were shown. */
  count(what: Shown['what']): number {
    return [...this.#shown.values()].flat().filter((one) => one.what === what).length
  }

  /** The same of one watcher. */
  of(watcher: string, what: Shown['what']): number {
    return this.#shown.get(watcher)?.filter((one) => one.what === what).length ?? 0
  }

  #note(watcher: string, message: Down): void {
    if (message.type === 'receipt') {
      this.verdicts.set(message.verdict, (this.verdicts.get(message.verdict) ?? 0) + 1)
    }
    if (message.type !== 'snapshot' && message.type !== 'news') return

    const list = this.#shown.get(watcher) ?? []
    this.#shown.set(watcher, list)
    if (message.type === 'snapshot') list.push({ what: 'snapshot', position: message.position, counts: true })
    else {
      const counts = message.changes.some((change) => change.kind !== 'viewers' && change.kind !== 'announcement')
      list.push({ what: message.recovered === true ? 'recovered' : 'news', position: message.position, counts })
    }
  }

  /** Where anything was told that changes what a watcher sees. */
  #said(): Position[] {
    const byName = new Map<string, Position>()
    for (const { what, position, counts } of [...this.#shown.values()].flat()) {
      if (what !== 'snapshot' && counts) byName.set(formatPosition(position), position)
    }
    return [...byName.values()].sort(comparePositions)
  }
}

function faultsOf(shown: readonly Shown[], said: readonly Position[]): string[] {
  const faults: string[] = []
  let at: Position = ORIGIN
  for (const { what, position, counts } of shown) {
    const name = `${what} at ${formatPosition(position)} after ${formatPosition(at)}`
    const order = comparePositions(position, at)
    if (order < 0) faults.push(`${name} goes back`)
    if (what !== 'snapshot') {
      if (position.epoch !== at.epoch) faults.push(`${name} is of another epoch`)
      if (order === 0 && counts) faults.push(`${name} repeats`)
      const missed = said.filter((one) => comparePositions(one, at) > 0 && comparePositions(one, position) < 0)
      if (missed.length > 0) faults.push(`${name} leaves out ${missed.map(formatPosition).join(' ')}`)
    }
    at = position
  }
  return faults
}
