/**
 * A loopback port nobody listens on.
 *
 * It is chosen below the range from which the system gives ports to outgoing connections: a server that is killed and
 * started again must find its port still free, even while a load test opens sockets by the thousand. Between this look
 * and the server's own listen another process may take the port; who starts a server tries the next one then.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const LOWEST = 20_000
const HIGHEST = 31_999
const ATTEMPTS = 50

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST + 1)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port on 127.0.0.1 among ${ATTEMPTS} tried between ${LOWEST} and ${HIGHEST}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}
