/** What came of one row of ws-cases.ts, in the words of that table. */
import { closeFrame, frame, type HeardFrame, OP, RawSocket } from '../builders/raw-socket.ts'
import type { WsCase } from './ws-cases.ts'

/** For rows that are expected to wait for more: nothing comes in this time. */
const QUIET_MS = 400

export async function outcomeOf(port: number, { sends, here }: WsCase): Promise<string> {
  const socket = await RawSocket.open(port)
  try {
    await socket.send(frame(OP.text, '{"type":"hello"}'))
    const welcome = await socket.next()
    if (typeof welcome === 'string' || !welcome.payload.includes('"welcome"')) return `no welcome: ${String(welcome)}`

    for (const bytes of sends) await socket.send(bytes)
    await socket.send(frame(OP.ping, 'end'))
    const said: string[] = []
    for (;;) {
      const heard = await socket.next(here.endsWith('waits') ? QUIET_MS : undefined)
      said.push(wordsOf(heard))
      if (heard === 'quiet' || heard === 'cut') break
      if (heard.opcode === OP.close) {
        // Both have said it, or we say it now: the connection must end.
        await socket.send(closeFrame(1000))
        const after = await socket.next()
        if (after !== 'cut') said.push(`and goes on: ${wordsOf(after)}`)
        break
      }
      if (heard.opcode === OP.pong && heard.payload.toString() === 'end') break
    }
    return said.join(', ')
  } finally {
    socket.destroy()
  }
}

function wordsOf(heard: HeardFrame | 'cut' | 'quiet'): string {
  if (heard === 'cut') return 'cut'
  if (heard === 'quiet') return 'waits'
  if (!heard.fin || heard.rsv !== 0 || heard.masked) return `a frame that no server may send: ${JSON.stringify(heard)}`

  const { opcode, payload } = heard
  if (opcode === OP.close) return payload.length === 0 ? 'close' : `close ${payload.readUInt16BE(0)}`
  if (opcode === OP.pong) return payload.length === 0 ? 'pong' : `pong ${legible(payload.subarray(0, 8))}`
  if (opcode !== OP.text) return `a frame of opcode ${opcode}`

  const message = JSON.parse(payload.toString()) as { type: string; t0?: number; code?: string }
  return `${message.type} ${message.t0 ?? message.code}`
}

const legible = (bytes: Buffer): string =>
  [...bytes]
    .map((byte) =>
      byte >= 0x21 && byte <= 0x7e ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('')
