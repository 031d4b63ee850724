/**
 * Somebody who throws mutated input at every door of a whole node for a time, over real connections, at most so many at
 * once: native sockets of both formats, Socket.IO by polling and by WebSocket, and REST. Half of them have a good token,
 * so that what they throw gets behind the first check; whatever they order by accident is their own.
 */
import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import { ENDPOINTS } from '../../protocol/api/endpoints.ts'
import { encode, type Frame } from '../../protocol/codec.ts'
import { BEGINNINGS } from '../corpus/beginnings.ts'
import { JSON_NOISE, MSGPACK_NOISE, NOT_UTF8 } from '../corpus/bytes.ts'
import { GOOD, WRONG_SHAPES, wrongFields } from '../corpus/messages.ts'
import { BEFORE_CONNECT, PACKETS } from '../corpus/packets.ts'
import { BROKEN_FRAMES, ODD_FRAMES } from '../corpus/wire.ts'
import { Dice } from '../simulation/dice.ts'
import { Mutator } from './mutator.ts'

export interface Attack {
  url: string
  /** Of a fan who means no good. */
  token: string
  seed: number
  forMs: number
}

export interface Thrown {
  connections: number
  inputs: number
  /** Requests whose answer was a fault of the node. */
  faults: string[]
}

const FRAMES_EACH = 12
const GIVE_UP_MS = 3_000
/** For what was thrown to arrive before the end. */
const LINGER_MS = 10
/** As it is, so that what is wrong comes between what is right, and in the middle of its work. */
const GOOD_CHANCE = 0.25
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
const messages = [...GOOD, ...WRONG_SHAPES, ...wrongFields()].map(({ message }) => message)
const eventOf = ({ type, ...payload }: Record<string, unknown>) => `42${JSON.stringify([type, payload])}`
const RIGHT = {
  json: GOOD.map(({ message }) => new Uint8Array(Buffer.from(encode(message as never, 'json')))),
  msgpack: GOOD.map(({ message }) => new Uint8Array(Buffer.from(encode(message as never, 'msgpack')))),
  packets: GOOD.map(({ message }) => new Uint8Array(Buffer.from(eventOf(message)))),
}
const SEEDS = {
  json: [...JSON_NOISE, ...NOT_UTF8]
    .map((one) => one.bytes)
    .concat(messages.map((one) => new Uint8Array(Buffer.from(encode(one as never, 'json'))))),
  msgpack: MSGPACK_NOISE.map((one) => one.bytes).concat(
    messages.map((one) => new Uint8Array(Buffer.from(encode(one as never, 'msgpack')))),
  ),
  packets: [...PACKETS.map(({ packet }) => packet), ...BEFORE_CONNECT, ...messages.map(eventOf)].map(bytes),
  wire: [...BROKEN_FRAMES, ...ODD_FRAMES].map((one) => one.bytes),
  beginnings: [...BEGINNINGS.map(([, text]) => text).filter((text) => text.length < 10_000), ...requests()].map(bytes),
}

/** Every row of the table as it would be asked. */
function requests(): string[] {
  return ENDPOINTS.map(({ method, path, example }) => {
    const params = (example.params ?? {}) as Record<string, string>
    const place = path.replace(/:(\w+)/g, (_, name: string) => params[name] ?? '')
    const body = example.body === undefined ? '' : JSON.stringify(example.body)
    const head = [
      `${method.toUpperCase()} ${place} HTTP/1.1`,
      'Host: x',
      'Idempotency-Key: k',
      'Content-Type: application/json',
    ]
    return `${[...head, `Content-Length: ${Buffer.byteLength(body)}`, '', ''].join('\r\n')}${body}`
  })
}

export async function attack({ url, token, seed, forMs }: Attack, atOnce = 8): Promise<Thrown> {
  const untilMs = performance.now() + forMs
  const thrown: Thrown = { connections: 0, inputs: 0, faults: [] }
  const hosts = new URL(url)
  await Promise.all(
    Array.from({ length: atOnce }, async (_, lane) => {
      const dice = new Dice(seed * 100 + lane)
      const mutators = Object.fromEntries(
        Object.entries(SEEDS).map(([name, seeds]) => [name, new Mutator(dice, seeds)]),
      ) as Record<keyof typeof SEEDS, Mutator>
      while (performance.now() < untilMs) {
        thrown.connections += 1
        const count = await knock(dice, mutators)
        thrown.inputs += count
      }
    }),
  )
  return thrown

  /** How much of it was sent. */
  function knock(dice: Dice, from: Record<keyof typeof SEEDS, Mutator>): Promise<number> {
    const [way, isKnown] = [dice.whole(0, 5), dice.chance(0.5)]
    const some = (format: keyof typeof RIGHT, count = FRAMES_EACH) =>
      Array.from({ length: count }, () => (dice.chance(GOOD_CHANCE) ? dice.pick(RIGHT[format]) : from[format].next()))
    if (way === 0) return native('json', isKnown, some('json'))
    if (way === 1) return native('msgpack', isKnown, some('msgpack'))
    if (way === 2) return engine(isKnown, some('packets'))
    if (way === 3) return polling(isKnown, some('packets', 3))
    if (way === 4) return raw(handshake(), from.wire.next())
    return raw(undefined, from.beginnings.next())
  }

  async function native(format: 'json' | 'msgpack', isKnown: boolean, frames: Uint8Array[]): Promise<number> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, `livedrop.v1.${format}`, {
      perMessageDeflate: false,
    })
    const hello = { type: 'hello', token } as const
    return over(socket, isKnown ? encode(hello as never, format) : undefined, frames, format === 'msgpack')
  }

  async function engine(isKnown: boolean, frames: Uint8Array[]): Promise<number> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
    return over(socket, isKnown ? `40${JSON.stringify({ token })}` : undefined, frames, false)
  }

  /** Says who it is, sends what it has and waits until it is cut off, or all of it was taken. */
  async function over(
    socket: WebSocket,
    greeting: Frame | undefined,
    frames: Uint8Array[],
    binary: boolean,
  ): Promise<number> {
    let sent = 0
    const throwAll = () => {
      for (const frame of frames) {
        if (socket.readyState !== WebSocket.OPEN) return
        sent += 1
        socket.send(frame, { binary })
      }
      setTimeout(() => socket.close(), LINGER_MS)
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GIVE_UP_MS)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        clearTimeout(timer)
        resolve()
      })
      // With a token it is welcomed first: a token is checked after the socket is open.
      socket.on('open', () => (greeting === undefined ? throwAll() : socket.send(greeting)))
      if (greeting !== undefined) {
        socket.on('message', (text) => {
          if (sent === 0 && String(text).includes('welcome')) throwAll()
        })
      }
    })
    socket.terminate()
    return sent
  }

  async function polling(isKnown: boolean, packets: Uint8Array[]): Promise<number> {
    const at = `${url}/socket.io/?EIO=4&transport=polling`
    try {
      const opened = await (await ask(at)).text()
      const { sid } = JSON.parse(opened.slice(1)) as { sid: string }
      const posted = [Buffer.from(`40${JSON.stringify(isKnown ? { token } : {})}`), ...packets]
      for (const body of posted) {
        const answer = await ask(`${at}&sid=${sid}`, {
          method: 'POST',
          body: new Uint8Array(body),
          headers: { 'content-type': 'text/plain' },
        })
        await answer.text()
        if (answer.status >= 400) break
      }
      // Else it is waited for, and stands there, for half a minute.
      await (
        await ask(`${at}&sid=${sid}`, { method: 'POST', body: '1', headers: { 'content-type': 'text/plain' } })
      ).text()
      return posted.length
    } catch {
      return 1 // cut off, as some of them deserve
    }
  }

  async function ask(at: string, init: RequestInit = {}): Promise<Response> {
    const answer = await fetch(at, { ...init, signal: AbortSignal.timeout(GIVE_UP_MS) })
    if (answer.status >= 500) thrown.faults.push(`${init.method ?? 'GET'} ${at}: ${answer.status}`)
    return answer
  }

  function handshake(): string {
    return [
      ...['GET /ws HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'],
      ...[`Sec-WebSocket-Key: ${'a'.repeat(22)}==`, 'Sec-WebSocket-Protocol: livedrop.v1.json', '', ''],
    ].join('\r\n')
  }

  async function raw(head: string | undefined, input: Uint8Array): Promise<number> {
    await new Promise<void>((resolve) => {
      const socket: Socket = connect(Number(hosts.port), hosts.hostname)
      const done = () => {
        clearTimeout(timer)
        socket.destroy()
        resolve()
      }
      const timer = setTimeout(done, 150)
      socket.on('error', done)
      socket.on('close', done)
      socket.on('data', (data) => {
        const answer = data.toString('latin1')
        if (answer.startsWith('HTTP/1.1 500'))
          thrown.faults.push(
            `${JSON.stringify(Buffer.from(input).toString('latin1')).slice(0, 200)}: ${answer.slice(0, 300)}`,
          )
        if (head !== undefined && answer.startsWith('HTTP/1.1 101')) socket.write(input)
      })
      socket.write(head ?? input)
    })
    return 1
  }
}
