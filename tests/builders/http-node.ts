/**
 * A real HTTP door on a port of its own, and two ways to knock: `call` speaks properly and checks what comes back by the
 * REST table, `raw` sends any bytes at all.
 */
import { request } from 'node:http'
import { connect } from 'node:net'
import type { Endpoint } from '../../protocol/api/endpoint.ts'
import { type Problem, problemSchema } from '../../protocol/api/problem.ts'
import type { Route } from '../../server/api/route.ts'
import { HTTP_LIMITS, Http, type HttpLimits, type HttpWorld } from '../../server/transports/http.ts'
import { listen, newApp } from '../../server/transports/http-listener.ts'
import { HttpTable } from '../../server/transports/http-table.ts'

export interface Knock {
  token?: string
  key?: string
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is. */
  text?: string
  headers?: Record<string, string>
}

export interface Heard {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails when it is not there
  body: any
}

export async function httpNode(
  world: Pick<HttpWorld, 'routes' | 'tokens'> & Partial<HttpWorld>,
  limits: Partial<HttpLimits> = {},
) {
  const failures: unknown[] = []
  const log: HttpWorld['log'] = {
    debug: () => undefined,
    error: (event, facts) => void failures.push({ event, ...facts }),
  }
  const app = newApp()
  const http = new Http({ origins: [], log, ...world }, { ...HTTP_LIMITS, ...limits })
  http.attach(app)
  const { port, stop } = await listen(app, '127.0.0.1', 0)
  const origin = `http://127.0.0.1:${port}`
  const table = new HttpTable(world.routes)

  async function call(method: string, path: string, knock: Knock = {}): Promise<Heard> {
    const headers: Record<string, string> = { ...knock.headers }
    if (knock.token !== undefined) headers.authorization = `Bearer ${knock.token}`
    if (knock.key !== undefined) headers['idempotency-key'] = knock.key
    if (knock.body !== undefined) headers['content-type'] ??= 'application/json'
    const body = knock.text ?? (knock.body === undefined ? undefined : JSON.stringify(knock.body))

    const heard = await ask(port, method, path, headers, body)
    if (heard.text !== '' && /json/.test(heard.headers.get('content-type') ?? 'json'))
      heard.body = check(table, method, path, heard)
    return heard
  }

  return {
    port,
    origin,
    http,
    failures,
    call,
    raw: (bytes: string | Buffer, closeAfterMs?: number) => raw(port, bytes, closeAfterMs),
    close: () => {
      stop()
      app.close()
    },
  }
}

/** By node:http and not by fetch, which tidies a path before it sends it. */
function ask(port: number, method: string, path: string, headers: Record<string, string>, body = ''): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const length = Buffer.byteLength(body)
    const all = length === 0 ? headers : { ...headers, 'content-length': String(length) }
    const asked = request({ host: '127.0.0.1', port, method, path, headers: all, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (data) => {
        text += data
      })
      response.on('end', () => {
        const said = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)])
        resolve({ status: response.statusCode ?? 0, headers: new Headers(said), text, body: undefined })
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** Whatever a node answers is either what its row promises or a problem document. */
function check(table: HttpTable, method: string, path: string, heard: Heard): unknown {
  const json: unknown = JSON.parse(heard.text)
  if (heard.headers.get('content-type') === 'application/problem+json') {
    const problem: Problem = problemSchema.parse(json)
    if (problem.status !== heard.status) throw new Error(`problem says ${problem.status}, status is ${heard.status}`)
    return problem
  }
  const found = table.find(method.toLowerCase(), path.split('?')[0] ?? '')
  if (found.found !== 'route') throw new Error(`an answer from nowhere: ${method} ${path}`)

  const schema = (found.route as Route & { endpoint: Endpoint }).endpoint.answers[heard.status]
  if (schema === undefined) throw new Error(`${found.route.endpoint.name} does not promise ${heard.status}`)
  schema.parse(json)
  return json
}

/** Everything that comes back until the server closes, or until nothing has come for a while. */
const AFTER_DATA_MS = 60

function raw(port: number, bytes: string | Buffer, quietMs = 300): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1')
    let quiet = setTimeout(() => finish(false), quietMs)
    const finish = (closed: boolean) => {
      clearTimeout(quiet)
      socket.destroy()
      resolve({ text, closed })
    }
    socket.on('data', (data) => {
      text += data.toString('latin1')
      clearTimeout(quiet)
      quiet = setTimeout(() => finish(false), AFTER_DATA_MS)
    })
    socket.on('error', () => finish(true))
    socket.on('close', () => finish(true))
    socket.write(bytes)
  })
}
