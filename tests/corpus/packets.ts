/**
 * Packets of Engine.IO and Socket.IO that no client of theirs sends, and what becomes of the connection. By polling they
 * are the body of a POST.
 */

export interface HostilePacket {
  packet: string
  /** `ends`: the connection is cut off. Else the code of the error that answers it, and the connection stays. */
  becomes: string
  /** Follows it as a binary frame, which only a WebSocket has. */
  attachment?: Uint8Array
}

const PLACEHOLDER = '{"_placeholder":true,"num":'

/** After CONNECT. */
export const PACKETS: HostilePacket[] = [
  ...[
    ...['42["disconnect"]', '42["connect"]', '42["connect_error"]', '42["disconnecting"]', '42["newListener",{}]'],
    ...[
      '42["removeListener",{}]',
      '42{"a":1}',
      '4{bad',
      '4',
      '4499',
      '49',
      '40{}',
      '44{"message":"no"}',
      '9',
      '2probe',
    ],
    ...['459999999999-["order",{}]', '45x-["order",{}]', '45', '45-', '450-["order",{}]', '42["order"', '42[]', '42{}'],
    ...['42null', '42true', '42""', '\u0000', '𝒜', `42${'['.repeat(8_000)}${']'.repeat(8_000)}`],
  ].map((packet) => ({ packet, becomes: 'ends' })),
  { packet: `451-["order",${PLACEHOLDER}5}]`, becomes: 'ends', attachment: Buffer.from([4, 1, 2, 3]) },
  { packet: `451-["order",${PLACEHOLDER}-1}]`, becomes: 'ends', attachment: Buffer.from([1]) },
  { packet: `451-["order",${PLACEHOLDER}0}]`, becomes: 'bad_request', attachment: Buffer.from([1]) },
  { packet: '42["error",{}]', becomes: 'unknown_type' },
  { packet: '42["message",{}]', becomes: 'unknown_type' },
  { packet: '42["__proto__",{}]', becomes: 'unknown_type' },
  { packet: '42["constructor",{}]', becomes: 'unknown_type' },
  { packet: '42["",{}]', becomes: 'unknown_type' },
  { packet: '42[5,{}]', becomes: 'bad_request' },
  { packet: '42', becomes: 'bad_request' },
  { packet: '427', becomes: 'bad_request' },
  { packet: '42["order",[]]', becomes: 'bad_request' },
  { packet: '42["order",null]', becomes: 'bad_request' },
  { packet: '42["order","order"]', becomes: 'bad_request' },
  { packet: '42["order",{"__proto__":{"id":1,"key":"k","drop":"d"}}]', becomes: 'bad_request' },
  { packet: '42["order",{"constructor":{"prototype":{"isAdmin":true}}}]', becomes: 'bad_request' },
  { packet: `42["order",{"a":${'['.repeat(3_000)}${']'.repeat(3_000)}}]`, becomes: 'bad_request' },
  { packet: '42["hello",{"token":"token-of-ben"}]', becomes: 'conflict' },
]

/** Before CONNECT nothing is understood, and nobody is let in by any of these. */
export const BEFORE_CONNECT: string[] = [
  ...['42["order",{}]', '42["hello",{}]', '41', '43[1]', '44{}', '45', '451-["order"]', '40/admin,', '40/__proto__,'],
  ...['40[]', '40null', '40"x"', '405', '40{', '4', '9', '', 'x', '\u0000', '6', '1', '3', '5', '2probe', '3probe'],
  ...['40{"token":["x"]}', '40{"token":5}', '40{"__proto__":{"token":"token-of-ana"},"token":{}}', '40{"resume":"x"}'],
]
