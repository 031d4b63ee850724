/**
 * A peer is a connected socket of any kind, as the rest of the server sees it: a mouth with a few verbs.
 *
 * Nothing is glued onto it. Who is behind it is a session's knowledge (server/inbound/session.ts), what it watches the
 * hub's (server/outbound/hub.ts). After close() it is mute: every verb does nothing, for a caller that waited for a
 * database cannot know that the phone has left the train meanwhile.
 */
import type { CloseReason } from '../../protocol/close-codes.ts'
import type { Frame } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'
import type { Encoding } from '../../protocol/encodings.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'

export interface Peer {
  /** New for every connection; also the session's name on the wire. */
  readonly id: string
  readonly format: Encoding
  readonly open: boolean
  /** Bytes that the other side has not taken yet. */
  readonly bufferedBytes: number

  send(message: Down): void
  /** What is encoded already, in this peer's format and without an id; under this one, if it answers something. */
  sendFrame(frame: Frame, id?: RequestId): void
  /** Everything sent within `call` leaves together. */
  together(call: () => void): void
  /** What is broadcast to the topic from now on is heard, after everything sent before. */
  join(topic: string): void
  leave(topic: string): void
  /** The last verb. `retryAfterMs` travels in the close frame. */
  close(reason: CloseReason, retryAfterMs?: number): void
}

/** One frame for every peer that has joined the topic. */
export interface Broadcaster {
  broadcast(topic: string, frame: Frame): void
}

/** Several, each with listeners of its own. */
export function allOf(...broadcasters: readonly Broadcaster[]): Broadcaster {
  return {
    broadcast: (topic, frame) => {
      for (const one of broadcasters) one.broadcast(topic, frame)
    },
  }
}

/** The reason text of a close frame: under 123 bytes. */
export function closeText(retryAfterMs: number | undefined): string {
  return retryAfterMs === undefined ? '' : JSON.stringify({ retryAfterMs: Math.round(retryAfterMs) })
}
