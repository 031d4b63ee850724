/** Socket.IO on two whole nodes: fans of both kinds in one drop, and a node that leaves under them. */
import { io, type Socket } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Ground, openGround } from '../bench/ground.ts'

let ground: Ground
const logged: string[] = []
beforeAll(async () => {
  ground = await openGround({ nodes: 2, onLog: (line) => logged.push(line) })
}, 60_000)
afterAll(() => ground.close(), 30_000)

const sockets: Socket[] = []
afterAll(() => {
  for (const socket of sockets) socket.disconnect()
})

interface Heard {
  type: string
  [field: string]: unknown
}

function fan(node: number, transport: 'polling' | 'websocket', auth: object) {
  const socket = io(ground.urls[node] ?? '', { transports: [transport], auth, forceNew: true, reconnection: false })
  const heard: Heard[] = []
  socket.onAny((type: string, payload: object) => heard.push({ ...payload, type }))
  sockets.push(socket)
  return { socket, heard, of: (type: string) => heard.filter((one) => one.type === type) }
}

describe('two nodes and Socket.IO', () => {
  it('[CC1, CC9] sell over it, tell over it, and leave without a crash', { timeout: 60_000 }, async () => {
    const [token] = await ground.fanTokens(1)
    const drop = await ground.creator.createDrop({
      ...{ skus: ['S-1'], stockPerSku: 2, limitPerBuyer: 2, opensAt: new Date(Date.now() + 500) },
    })
    const buyer = fan(0, 'websocket', { token })
    const watcher = fan(1, 'polling', {})
    await vi.waitFor(() => expect([buyer.of('welcome'), watcher.of('welcome')].flat()).toHaveLength(2), 10_000)
    const shown = await watcher.socket.timeout(10_000).emitWithAck('watch', { drop })
    expect(shown).toMatchObject({ type: 'snapshot', drop })

    const claim = { drop, key: 'k', lines: [{ sku: 'S-1', qty: 2 }] }
    await vi.waitFor(
      async () => {
        const receipt = await buyer.socket.timeout(10_000).emitWithAck('order', claim)
        expect(receipt).toMatchObject({ type: 'receipt', key: 'k' })
        expect(['accepted', 'duplicate']).toContain(receipt.verdict)
      },
      { timeout: 15_000, interval: 50 },
    )
    const patience = { timeout: 15_000, interval: 20 }
    await vi.waitFor(() => expect(buyer.of('confirmed')).toMatchObject([{ drop, key: 'k' }]), patience)
    await vi.waitFor(() => expect(JSON.stringify(watcher.of('news'))).toContain('sold_out'), patience)
    const positions = watcher.of('news').map(({ position }) => (position as { seq: number }).seq)
    expect(positions).toEqual([...positions].sort((a, b) => a - b))

    // The buyer's node leaves; by its ticket the buyer goes on at the other one, and knows what became of the order.
    const [{ ticket }] = buyer.of('welcome') as [Heard]
    const [node] = ground.cluster?.nodes ?? []
    const gone = new Promise((resolve) => buyer.socket.on('disconnect', resolve))
    expect(await node?.stop()).toBe(0)
    await gone
    expect(buyer.of('goaway')).toMatchObject([{ closeCode: 3001 }])
    const back = fan(1, 'websocket', {
      resume: { ticket, drops: [{ drop, position: { epoch: 0, seq: 0 } }], open: ['k'] },
    })
    await vi.waitFor(() => expect(back.of('outcome')).toMatchObject([{ key: 'k', state: 'confirmed' }]), patience)
    const seen = [{ mine: [{ key: 'k', state: 'confirmed' }], recovered: false }]
    await vi.waitFor(() => expect(back.of('snapshot')).toMatchObject(seen), patience)
    expect(logged.filter((line) => /node\.surprised|socketio\.failed/.test(line))).toEqual([])
  })
})
