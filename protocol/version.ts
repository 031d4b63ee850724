/** The version of the wire, and the WebSocket sub-protocols that name it together with a format. */
export const PROTOCOL_VERSION = 1

export const FORMATS = ['json', 'msgpack'] as const
export type Format = (typeof FORMATS)[number]

export const SUBPROTOCOLS = {
  'livedrop.v1.json': 'json',
  'livedrop.v1.msgpack': 'msgpack',
} as const satisfies Record<string, Format>
export type Subprotocol = keyof typeof SUBPROTOCOLS

/** Optional second sub-protocol of a handshake: `bearer.<jwt>`, for browsers cannot set a header. */
export const BEARER_PREFIX = 'bearer.'

/**
 * What has changed on the wire within this version, the latest last. Only additions that an older client may leave
 * unread are revisions; anything else is a new version, with sub-protocols of its own. `hash` ties the latest one to the
 * schemas (tests/asyncapi.test.ts), so that the wire cannot change unnoticed.
 */
export const WIRE_REVISIONS: readonly { said: string; hash: string }[] = [
  { said: 'The first.', hash: '3c1c1b4da0e0b447' },
]
