/**
 * The messages of this protocol as Socket.IO events of the same names: `42["news",{…}]` is the whole text of one
 * WebSocket frame, `4` for a message of Engine.IO and `2` for an event in the root namespace.
 *
 * The event's name is the message's type, so the payload goes without it. An acknowledgement has no name and may be an
 * answer or an error, so there the type stays.
 */
import type { Down } from './down.ts'
import { Fault } from './faults.ts'
import type { ErrorMessage } from './messages/error.ts'
import type { Goaway } from './messages/goaway.ts'
import type { RequestId } from './messages/request-id.ts'
import { type Heard, readUp } from './up-reader.ts'

/** What a socket hears before its end, with the code that a native socket would be closed with. */
export type LastWord = (Goaway | ErrorMessage) & { closeCode: number }

const BEGIN = '42["'

export function encodeEvent({ type, ...payload }: Down | LastWord): string {
  return `${BEGIN}${type}",${JSON.stringify(payload)}]`
}

/** An encoded event that has no id yet, and at least one field. */
export function withEventId(event: string, id: RequestId): string {
  const body = event.indexOf('{') + 1 // no type has a brace in it
  return `${event.slice(0, body)}"id":${JSON.stringify(id)},${event.slice(body)}`
}

/** Back to the message. Only for what encodeEvent made. */
export function readEvent(event: string): Down {
  const [type, payload] = JSON.parse(event.slice(2)) as [Down['type'], object]
  return { type, ...payload } as Down
}

/** `ackId` stands in for an id that the client left out, for its callback is answer enough. */
export function hearEvent(name: unknown, payload: unknown, ackId?: RequestId): Heard {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    return { fault: new Fault('bad_request', {}, { message: 'an event carries one object' }) }
  }
  return readUp({ ...(ackId === undefined ? {} : { id: ackId }), ...payload, type: name })
}
