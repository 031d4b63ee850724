/**
 * What watchers were shown, frame by frame, and the proof that none of them missed anything.
 *
 * A frame of news says after which position it is complete, but this does not take its word for it: the frames of all watchers
 * together are the truth about what was said, and each watcher must have been told every change in them, in order, from its
 * snapshot on. A later count of the same frame may stand for an older one, and a snapshot for everything before it.
 */
import type { LinkEars, Transport } from '../../client/transport.ts'
import type { Down } from '../../protocol/down.ts'
import type { Change } from '../../protocol/messages/news.ts'
import { comparePositions, formatPosition, ORIGIN, type Position } from '../../protocol/position.ts'

/** `changes`: those that change what a watcher sees. */
type Shown = { what: 'snapshot' | 'news' | 'recovered'; position: Position; changes: readonly Change[] }
type Said = Pick<Shown, 'position' | 'changes'>

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
    if (message.type === 'snapshot') list.push({ what: 'snapshot', position: message.position, changes: [] })
    else {
      const changes = message.changes.filter(({ kind }) => kind !== 'viewers' && kind !== 'announcement')
      list.push({ what: message.recovered === true ? 'recovered' : 'news', position: message.position, changes })
    }
  }

  /** What was told at each position, by whichever frame tells the least: one that stands for several tells more. */
  #said(): Said[] {
    const byName = new Map<string, Said>()
    for (const { what, position, changes } of [...this.#shown.values()].flat()) {
      if (what === 'snapshot' || changes.length === 0) continue
      const name = formatPosition(position)
      const known = byName.get(name)
      if (known === undefined || known.changes.length > changes.length) byName.set(name, { position, changes })
    }
    return [...byName.values()].sort((a, b) => comparePositions(a.position, b.position))
  }
}

function faultsOf(shown: readonly Shown[], said: readonly Said[]): string[] {
  const faults: string[] = []
  let at: Position = ORIGIN
  for (const { what, position, changes } of shown) {
    const name = `${what} at ${formatPosition(position)} after ${formatPosition(at)}`
    const order = comparePositions(position, at)
    if (order < 0) faults.push(`${name} goes back`)
    if (what !== 'snapshot') {
      if (position.epoch !== at.epoch) faults.push(`${name} is of another epoch`)
      if (order === 0 && changes.length > 0) faults.push(`${name} repeats`)
      const missed = said
        .filter((one) => comparePositions(one.position, at) > 0 && comparePositions(one.position, position) < 0)
        .filter((one) => !one.changes.every((change) => changes.some((told) => standsFor(told, change))))
      if (missed.length > 0)
        faults.push(`${name} leaves out ${missed.map((one) => formatPosition(one.position)).join(' ')}`)
    }
    at = position
  }
  return faults
}

function standsFor(told: Change, change: Change): boolean {
  if (told.kind === 'left' && change.kind === 'left') return told.sku === change.sku
  return JSON.stringify(told) === JSON.stringify(change)
}
