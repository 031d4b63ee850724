/**
 * Those who watch a drop sit in rows, and are told row by row, a few rows a turn of the event loop (server/turns.ts).
 *
 * To tell ten thousand at once takes longer than an order should wait. A row that waits for its turn keeps what it has not
 * heard as one piece of news, in which the newest count replaces older ones: so a node that cannot tell everybody ten times
 * a second tells everybody as often as it can, and nobody ever hears an old count late.
 *
 * Nobody is seated in a row that has something to hear yet: it is told first. So whoever sits down, with everything of now
 * before their eyes, hears nothing that is older.
 */
import { ENCODINGS, type Encoding } from '../../protocol/encodings.ts'
import type { DropId } from '../../protocol/ids.ts'
import type { News } from '../../protocol/messages/news.ts'
import type { Snapshot } from '../../protocol/messages/snapshot.ts'
import type { Broadcaster, Peer } from '../transports/peer.ts'
import type { Turns } from '../turns.ts'
import { EncodedOnce } from './encoded-once.ts'
import { inOne } from './news-in-one.ts'

/** Frames that may leave in one turn: some 15 microseconds each on a small machine. */
export const FRAMES_PER_TURN = 256
const SEATS_PER_ROW = 256
/** A row that would have to remember more than this is told at once. */
const UNHEARD_MAX = 4
const CHANGES_MAX = 256

type Word = EncodedOnce<News | Snapshot>

/** Held by whoever sits in it, and by nobody else. */
export interface Row {
  readonly topics: Record<Encoding, string>
  readonly seated: Record<Encoding, number>
  /** Oldest first. News that follows on news is one. */
  unheard: Word[]
  /** Its turn will come. */
  inLine: boolean
}

export class Rows {
  readonly #drop: DropId
  readonly #broadcaster: Broadcaster
  readonly #turns: Turns
  readonly #rows = new Set<Row>()
  #made = 0

  constructor(drop: DropId, broadcaster: Broadcaster, turns: Turns) {
    this.#drop = drop
    this.#broadcaster = broadcaster
    this.#turns = turns
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0
  }

  /** In a row that has heard everything. */
  seat(peer: Peer): Row {
    const row = this.#rowWithASeat()
    this.catchUp(row)
    row.seated[peer.format] += 1
    peer.join(row.topics[peer.format])
    return row
  }

  leave(peer: Peer, row: Row): void {
    row.seated[peer.format] -= 1
    peer.leave(row.topics[peer.format])
    if (seatsTaken(row) === 0) this.#rows.delete(row)
  }

  /** Everybody: those whose turn it is at once, the others soon. */
  tell(message: News | Snapshot): void {
    const word: Word = new EncodedOnce(message)
    // Rows that wait for the same wait for one and the same word, so that it is encoded once.
    const joined = new Map<Word, Word>()
    for (const row of this.#rows) {
      this.#leaveUnheard(row, word, joined)
      if (!row.inLine) this.#standInLine(row)
      else if (isTooMuch(row)) this.catchUp(row)
    }
  }

  /** Tells one row what it has not heard, without waiting for its turn. */
  catchUp(row: Row): void {
    const words = row.unheard
    row.unheard = []
    for (const word of words) {
      for (const encoding of ENCODINGS) {
        if (row.seated[encoding] > 0) this.#broadcaster.broadcast(row.topics[encoding], word.frame(encoding))
      }
    }
  }

  #standInLine(row: Row): void {
    row.inLine = true
    this.#turns.take(seatsTaken(row), () => {
      row.inLine = false
      this.catchUp(row)
    })
  }

  #leaveUnheard(row: Row, word: Word, joined: Map<Word, Word>): void {
    const last = row.unheard.at(-1)
    if (last?.message.type !== 'news' || word.message.type !== 'news') {
      row.unheard.push(word)
      return
    }
    const both = joined.get(last) ?? new EncodedOnce(inOne([last.message, word.message]))
    joined.set(last, both)
    row.unheard[row.unheard.length - 1] = both
  }

  #rowWithASeat(): Row {
    let free: Row | undefined
    for (const row of this.#rows) {
      if (seatsTaken(row) >= SEATS_PER_ROW) continue
      if (row.unheard.length === 0) return row
      free ??= row
    }
    return free ?? this.#newRow()
  }

  #newRow(): Row {
    this.#made += 1
    const topic = (encoding: Encoding) => `drop/${this.#drop}/${this.#made}/${encoding}`
    const row: Row = {
      topics: { json: topic('json'), msgpack: topic('msgpack'), socketio: topic('socketio') },
      seated: { json: 0, msgpack: 0, socketio: 0 },
      unheard: [],
      inLine: false,
    }
    this.#rows.add(row)
    return row
  }
}

function seatsTaken({ seated }: Row): number {
  return seated.json + seated.msgpack + seated.socketio
}

function isTooMuch({ unheard }: Row): boolean {
  const last = unheard.at(-1)?.message
  return unheard.length > UNHEARD_MAX || (last?.type === 'news' && last.changes.length > CHANGES_MAX)
}
