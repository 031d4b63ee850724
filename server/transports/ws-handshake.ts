/**
 * Whether a request really is a handshake of RFC 6455: uWebSockets.js looks at nothing but the length of the key.
 *
 * A header that counts and comes twice is no handshake either: two servers in a row that read different ones would let
 * in, for its first Origin, what the other one refuses for its second.
 */
import type { HttpRequest } from 'uWebSockets.js'

const KEY_OF_16_BYTES = /^[A-Za-z0-9+/]{22}==$/
const ONCE: ReadonlySet<string> = new Set(['origin', 'sec-websocket-key', 'sec-websocket-version'])

export function isHandshake(req: HttpRequest): boolean {
  const connection = req.getHeader('connection').toLowerCase().split(',')
  const seen = new Set<string>()
  let isTwice = false
  req.forEach((name) => {
    if (!ONCE.has(name)) return

    isTwice ||= seen.has(name)
    seen.add(name)
  })
  return (
    req.getHeader('upgrade').toLowerCase() === 'websocket' &&
    connection.some((token) => token.trim() === 'upgrade') &&
    req.getHeader('sec-websocket-version') === '13' &&
    KEY_OF_16_BYTES.test(req.getHeader('sec-websocket-key')) &&
    !isTwice
  )
}
