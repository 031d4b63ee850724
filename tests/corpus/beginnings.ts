/**
 * The first bytes of a connection to an HTTP server, that no client of good will sends. None of them is answered with a
 * page, and the next connection is served as ever.
 */
const HOST = 'Host: x\r\n'
const post = (headers: string, body = '') => `POST /v1/auth/login HTTP/1.1\r\n${HOST}${headers}\r\n${body}`

export const BEGINNINGS: [name: string, bytes: string][] = [
  ['HTTP/1.0 without a host', 'GET /work HTTP/1.0\r\n\r\n'],
  ['no host', 'GET /work HTTP/1.1\r\n\r\n'],
  ['a whole address', `GET http://x/work HTTP/1.1\r\n${HOST}\r\n`],
  ['a star', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`],
  ['CONNECT', `CONNECT a:80 HTTP/1.1\r\n${HOST}\r\n`],
  ['TRACE', `TRACE /work HTTP/1.1\r\n${HOST}\r\n`],
  ['a method nobody knows', `BREW /work HTTP/1.1\r\n${HOST}\r\n`],
  ['bare line feeds', 'GET /work HTTP/1.1\nHost: x\n\n'],
  ['a NUL in the path', `GET /a\0b HTTP/1.1\r\n${HOST}\r\n`],
  ['an escaped NUL', `GET /things/%00 HTTP/1.1\r\n${HOST}\r\n`],
  ['an escaped way up', `GET /%2e%2e/work HTTP/1.1\r\n${HOST}\r\n`],
  ['a doubled slash', `GET //work HTTP/1.1\r\n${HOST}\r\n`],
  ['a path of 70 KB', `GET /${'a'.repeat(70_000)} HTTP/1.1\r\n${HOST}\r\n`],
  ['200 headers', `GET /work HTTP/1.1\r\n${HOST}${'a: b\r\n'.repeat(200)}\r\n`],
  ['a header of 200 KB', `GET /work HTTP/1.1\r\n${HOST}a: ${'b'.repeat(200_000)}\r\n\r\n`],
  ['a folded header', `GET /work HTTP/1.1\r\n${HOST}a: b\r\n c\r\n\r\n`],
  ['a space before the colon', post('Content-Length : 2\r\n', '{}')],
  ['both lengths', post('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['two lengths', post('Content-Length: 2\r\nContent-Length: 3\r\n', '{} ')],
  ['a negative length', post('Content-Length: -1\r\n')],
  ['a length of 2^64', post('Content-Length: 18446744073709551616\r\n', '{}')],
  ['a length with a sign', post('Content-Length: +2\r\n', '{}')],
  ['a chunk of 2^64', post('Transfer-Encoding: chunked\r\n', 'fffffffffffffffff\r\n{}')],
  ['a chunk with a sign', post('Transfer-Encoding: chunked\r\n', '-2\r\n{}\r\n0\r\n\r\n')],
  ['an unknown transfer encoding', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['2,000 NULs', '\0'.repeat(2000)],
  [
    'a WebSocket handshake without a key',
    `GET /ws HTTP/1.1\r\n${HOST}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
  ],
]
