/** TLS on the node's own port: what it speaks, over every kind of socket, and a certificate that changes under them. */
import { once } from 'node:events'
import { request } from 'node:https'
import { connect, type SecureVersion } from 'node:tls'
import { io } from 'socket.io-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { readCertificate } from '../server/transports/certificate.ts'
import { LOOK_EVERY_MS, watchCertificate } from '../server/transports/certificate-watch.ts'
import { RenewableApp } from '../server/transports/edge-app.ts'
import { certificateFiles, type Pem, selfSigned } from './builders/certificates.ts'
import { type EdgeNode, edgeNode, SHOES } from './builders/edge-node.ts'
import { at } from './builders/edge-world.ts'
import { HandClock, START_MS } from './builders/hand-clock.ts'
import { httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'
import { tell } from './contracts/transport.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function serve(pem: Pem) {
  const disk = certificateFiles(pem)
  const node = await edgeNode({}, { tls: disk.files })
  stops.push(disk.remove, node.stop)
  return { ...node, disk }
}

/** With time in the hand of the test. */
function watched({ app, disk }: Awaited<ReturnType<typeof serve>>) {
  const clock = new HandClock()
  const said: { event: string; facts: unknown }[] = []
  const note = (event: string, facts?: object) => void said.push({ event, facts })
  const watch = watchCertificate({ files: disk.files, app, clock, log: { info: note, warn: note, error: note } })
  stops.push(watch.stop)
  return { said, events: () => said.map(({ event }) => event), look: () => clock.advance(LOOK_EVERY_MS) }
}

/** Whose certificate is shown, and how; or why there is none. */
function shakes(port: number, versions: { minVersion?: SecureVersion; maxVersion?: SecureVersion } = {}) {
  return new Promise<string>((resolve) => {
    const old = versions.maxVersion === 'TLSv1.1' ? { ciphers: 'DEFAULT@SECLEVEL=0' } : {}
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...old, ...versions }, () => {
      resolve(`${socket.getPeerCertificate().subject.CN} ${socket.getProtocol()}`)
      socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

/** Checks the certificate as every client does: it trusts this one and no other. */
async function phone(node: EdgeNode, { certificate: ca }: Pem) {
  const socket = new WebSocket(node.url, ['livedrop.v1.json', 'bearer.token-of-ana'], { ca })
  const heard: { type: string }[] = []
  socket.on('message', (data) => heard.push(JSON.parse(String(data))))
  let failed: Error | undefined
  socket.on('error', (error) => {
    failed = error
  })
  stops.push(() => socket.terminate())
  await vi.waitFor(() => expect(failed ?? socket.readyState).toBe(WebSocket.OPEN), 10_000)
  await vi.waitFor(() => expect(heard[0]?.type).toBe('welcome'), 10_000)
  socket.send(JSON.stringify({ type: 'watch', id: 1, drop: SHOES }))
  await vi.waitFor(() => expect(heard[1]?.type).toBe('snapshot'), 10_000)
  return { socket, heard }
}

async function stranger(node: EdgeNode, { certificate: ca }: Pem, transport: 'polling' | 'websocket') {
  const socket = io(node.origin, { transports: [transport], auth: { token: 'token-of-ben' }, ca, forceNew: true })
  const heard: { type: string }[] = []
  socket.onAny((type: string, said: object) => heard.push({ type, ...said }))
  stops.push(() => socket.disconnect())
  await vi.waitFor(() => expect(heard[0]?.type).toBe('welcome'), 10_000)
  expect(await socket.timeout(5_000).emitWithAck('watch', { drop: SHOES })).toMatchObject({ type: 'snapshot' })
  return heard
}

describe('a port with a certificate', () => {
  it('[KK1] speaks TLS 1.2 and 1.3, and nothing older or plain', async () => {
    const { port } = await serve(selfSigned('shop'))

    expect(await shakes(port)).toBe('shop TLSv1.3')
    expect(await shakes(port, { maxVersion: 'TLSv1.2' })).toBe('shop TLSv1.2')
    expect(await shakes(port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })).toMatch(/PROTOCOL_VERSION/)
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
  })

  it('[KK1] is nobody else’s, whatever they speak', async () => {
    const { port, disk } = await serve(selfSigned('shop'))

    for (const other of [new RenewableApp(), new RenewableApp(disk.files)]) {
      await expect(other.listen('127.0.0.1', port)).rejects.toThrow(/it is taken/)
      other.close()
    }
  })

  it('[KK1] serves requests, the native socket and Socket.IO of both kinds to who trusts the certificate', async () => {
    const pem = selfSigned('shop')
    const node = await serve(pem)

    const status = await new Promise((resolve, reject) => {
      request(`${node.origin}/nowhere`, { ca: pem.certificate }, (answer) => resolve(answer.statusCode))
        .on('error', reject)
        .end()
    })
    expect(status).toBe(404)
    await phone(node, pem)
    await stranger(node, pem, 'websocket')
    await stranger(node, pem, 'polling')
    const doubtful = connect({ port: node.port, host: '127.0.0.1', ca: selfSigned('another').certificate })
    await expect(once(doubtful, 'secureConnect')).rejects.toThrow(/self-signed/)
  })

  it('[KK2] shows a new certificate to who comes, keeps who is there, and tells both the news', async () => {
    const [first, second] = [selfSigned('first'), selfSigned('second')]
    const node = await serve(first)
    const { look, events } = watched(node)
    const early = await phone(node, first)
    const strangers = [await stranger(node, first, 'websocket')]

    node.disk.write(second)
    await look()
    expect(await shakes(node.port)).toBe('second TLSv1.3')
    const late = await phone(node, second)
    strangers.push(await stranger(node, second, 'websocket'), await stranger(node, second, 'polling'))
    tell(node, 1)

    for (const heard of [early.heard, late.heard, ...strangers]) {
      await vi.waitFor(() => expect(heard.at(-1)).toMatchObject({ position: at(1, 1) }), 10_000)
    }
    expect(early.socket.readyState).toBe(WebSocket.OPEN)
    expect(events()).toEqual(['certificate.taken', 'certificate.taken'])
    expect(node.failures).toEqual([])
  })

  it('[KK2] takes nothing that does not belong together, says so once, and takes it when it does', async () => {
    const [first, second] = [selfSigned('first'), selfSigned('second')]
    const node = await serve(first)
    const { look, events } = watched(node)

    node.disk.write({ certificate: second.certificate })
    await look()
    await look()
    expect(await shakes(node.port)).toBe('first TLSv1.3')
    expect(events()).toEqual(['certificate.taken', 'certificate.not_taken'])

    node.disk.write({ key: second.key })
    await look()
    expect(await shakes(node.port)).toBe('second TLSv1.3')
    expect(events()).toEqual(['certificate.taken', 'certificate.not_taken', 'certificate.taken'])
  })

  it('[KK2] is warned of a certificate that nobody renewed, once', async () => {
    const { look, said } = watched(await serve(selfSigned('old', START_MS + 6 * 86_400_000)))

    await look()
    await look()

    expect(said.slice(1)).toEqual([{ event: 'certificate.ends', facts: { endsAt: '2027-01-21T08:00:00.000Z' } }])
  })

  it('[KK2] lets go of the oldest connections at the third renewal, so that renewals are bounded', async () => {
    const first = selfSigned('0')
    const node = await serve(first)
    const { look } = watched(node)
    const { socket } = await phone(node, first)
    const ended = new Promise((resolve) => socket.once('close', resolve))

    for (const name of ['1', '2', '3']) {
      expect(socket.readyState).toBe(WebSocket.OPEN)
      node.disk.write(selfSigned(name))
      await look()
    }
    await ended

    expect(await shakes(node.port)).toBe('3 TLSv1.3')
  })

  it('[KK1] is refused at the start with files that are not right, by the name of the setting alone', () => {
    const good = selfSigned('shop')
    const disk = certificateFiles(good)
    stops.push(disk.remove)
    const said = (pem: Partial<Pem>) => {
      disk.write({ ...good, ...pem })
      try {
        return readCertificate(disk.files).names
      } catch (error) {
        return (error as Error).message
      }
    }

    expect(said({})).toBe('DNS:localhost, IP Address:127.0.0.1')
    expect(said({ certificate: 'hunter2' })).toBe('LIVEDROP_TLS_CERT is not a certificate in PEM')
    expect(said({ key: 'hunter2' })).toBe('LIVEDROP_TLS_KEY is not a private key in PEM without a passphrase')
    expect(said({ key: selfSigned('x').key })).toBe('LIVEDROP_TLS_KEY is not the key of LIVEDROP_TLS_CERT')
    expect(() => readCertificate({ certificate: '/nowhere/hunter2', key: '/nowhere' })).toThrow(
      /^LIVEDROP_TLS_CERT cannot be read$/,
    )
  })

  it('[KK3] tells browsers to come by https only where every way in is https', async () => {
    const { routes, tokens } = restWorld()
    const [open, closed] = [await httpNode({ routes, tokens }), await httpNode({ routes, tokens, httpsOnly: true })]
    stops.push(open.close, closed.close)

    for (const path of ['/livez', '/v1/drops', '/v1/me', '/nowhere']) {
      const heard = [await open.call('GET', path), await closed.call('GET', path)]
      expect(heard.map(({ headers }) => headers.get('strict-transport-security'))).toEqual([null, 'max-age=31536000'])
    }
  })
})
