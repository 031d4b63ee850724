/**
 * Handshakes and what is answered: the other table of tests/ws-conformance.test.ts.
 *
 * A 404 means that the request was no handshake for uWebSockets.js, so that it went to the routes of pages. That is an
 * answer that RFC 6455 allows: any status but 101 refuses.
 */
import type { Handshake } from '../builders/raw-socket.ts'

export type HandshakeCase = [name: string, change: Handshake, answer: string]

const headers = (change: NonNullable<Handshake['headers']>): Handshake => ({ headers: change })
const protocol = (offer: string | string[] | undefined) => headers({ 'Sec-WebSocket-Protocol': offer })
const key = (value: string | string[] | undefined) => headers({ 'Sec-WebSocket-Key': value })
const version = (value: string | string[] | undefined) => headers({ 'Sec-WebSocket-Version': value })
const lowered = {
  'Sec-WebSocket-Key': undefined,
  'Sec-WebSocket-Version': undefined,
  'Sec-WebSocket-Protocol': undefined,
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'SEC-WEBSOCKET-VERSION': '13',
  'sEc-WeBsOcKeT-pRoToCoL': 'livedrop.v1.json',
}

export const HANDSHAKES: HandshakeCase[] = [
  ['as it should be', {}, '101 livedrop.v1.json'],
  ['names of headers in any case', headers(lowered), '101 livedrop.v1.json'],
  ['Upgrade in capitals', headers({ Upgrade: 'WebSocket' }), '101 livedrop.v1.json'],
  ['a list in Connection', headers({ Connection: 'keep-alive, Upgrade' }), '101 livedrop.v1.json'],
  [
    'an extension is not agreed on',
    headers({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }),
    '101 livedrop.v1.json',
  ],
  [
    'extensions that are nonsense',
    headers({ 'Sec-WebSocket-Extensions': ';;,=permessage-deflate;x="' }),
    '101 livedrop.v1.json',
  ],
  ['a query that is no token', { path: '/ws?v=1' }, '101 livedrop.v1.json'],
  ['an origin that may', headers({ Origin: 'https://drops.example' }), '101 livedrop.v1.json'],
  ['white space around values', headers({ 'Sec-WebSocket-Version': '  13  ' }), '101 livedrop.v1.json'],

  ['no key', key(undefined), '404'],
  ['an empty key', key(''), '404'],
  ['a key that is too short', key('dGhlIHNhbXBsZQ=='), '404'],
  ['a key that is too long', key('dGhlIHNhbXBsZSBub25jZQ==='), '404'],
  ['a key that comes twice', key(['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZA==']), '400'],
  ['a key that is no base64', key('!'.repeat(24)), '400'],

  ['no version', version(undefined), '400'],
  ['an empty version', version(''), '400'],
  ...['0', '7', '8', '12', '14', '99999', '013', '13.0', 'thirteen', '13, 8', '-13'].map(
    (value): HandshakeCase => [`version ${value}`, version(value), '400'],
  ),
  ['a version that comes twice', version(['13', '12']), '400'],

  ['no Upgrade', headers({ Upgrade: undefined }), '400'],
  ['an upgrade to something else', headers({ Upgrade: 'h2c' }), '400'],
  ['no Connection', headers({ Connection: undefined }), '400'],
  ['Connection: close', headers({ Connection: 'close' }), '400'],
  ['no Host', headers({ Host: undefined }), '400'],
  ...['POST', 'PUT', 'HEAD', 'OPTIONS'].map((method): HandshakeCase => [method, { method }, '404']),
  ['HTTP/1.0', { version: 'HTTP/1.0' }, '505'],
  ['another path', { path: '/ws/' }, '404'],
  ['the path in capitals', { path: '/WS' }, '404'],
  ['the path with an escape', { path: '/%77s' }, '404'],

  ['no sub-protocol', protocol(undefined), '400'],
  ['an empty sub-protocol', protocol(''), '400'],
  ['an unknown sub-protocol', protocol('livedrop.v2.json'), '400'],
  ['a sub-protocol in capitals', protocol('LIVEDROP.V1.JSON'), '400'],
  ['a name that every object has', protocol('constructor'), '400'],
  ['MessagePack', protocol('livedrop.v1.msgpack'), '101 livedrop.v1.msgpack'],
  ['both: the first one that is known', protocol('livedrop.v1.msgpack, livedrop.v1.json'), '101 livedrop.v1.msgpack'],
  ['an unknown one first', protocol('livedrop.v2.json,livedrop.v1.json'), '101 livedrop.v1.json'],
  ['a known one behind eight others', protocol(`${'a,'.repeat(8)}livedrop.v1.json`), '400'],
  ['a token beside it, which is not said back', protocol('livedrop.v1.json, bearer.x'), '101 livedrop.v1.json'],
  ['a token alone', protocol('bearer.x'), '400'],
  ['a token of 4097 letters', protocol(`livedrop.v1.json, bearer.${'x'.repeat(4_097)}`), '400'],

  ['a token in the URL', { path: '/ws?token=x' }, '400'],
  ['an access token in the URL', { path: '/ws?v=1&access_token=' }, '400'],
  ['an origin that may not', headers({ Origin: 'https://evil.example' }), '403'],
  ['an origin in capitals', headers({ Origin: 'HTTPS://DROPS.EXAMPLE' }), '403'],
  ['an origin that is null', headers({ Origin: 'null' }), '403'],
  ['two origins, a bad one first', headers({ Origin: ['https://evil.example', 'https://drops.example'] }), '400'],
  ['two origins, a bad one last', headers({ Origin: ['https://drops.example', 'https://evil.example'] }), '400'],
]
