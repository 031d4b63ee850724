/**
 * The encodings that leave a node: the two formats of the native socket, and Socket.IO's packets. What many people hear
 * is encoded once for each that somebody listens in.
 */
import { encode, type Frame } from './codec.ts'
import type { Down } from './down.ts'
import { encodeEvent } from './socketio-packet.ts'
import { FORMATS } from './version.ts'

export const ENCODINGS = [...FORMATS, 'socketio'] as const
export type Encoding = (typeof ENCODINGS)[number]

export function encodeDown(message: Down, encoding: Encoding): Frame {
  return encoding === 'socketio' ? encodeEvent(message) : encode(message, encoding)
}
