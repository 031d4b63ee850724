import { createServer, type Server } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { knock } from '../bus/knock.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listening(): Promise<string> {
  const server = createServer((socket) => socket.on('error', () => undefined))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

/** A port that refuses: it was just free. */
async function refusing(): Promise<string> {
  const server = await listening()
  await new Promise((resolve) => servers.pop()?.close(resolve))
  return server
}

it('[B43] answers the server that answers, whichever of them that is', async () => {
  const [closed, open] = [await refusing(), await listening()]

  expect(await knock([closed, open], 5_000)).toBe(open)
  expect(await knock([open, closed], 5_000)).toBe(open)
})

it('[B43] does not wait for servers that have all refused', async () => {
  const closed = await refusing()

  await expect(knock([closed, closed], 60_000)).rejects.toThrow('ECONNREFUSED')
})

it('[B43] leaves no socket behind', async () => {
  const open = await listening()
  await knock([open, open, open], 5_000)

  // Resolves once nobody is connected any more.
  const closed = new Promise((resolve) => servers.pop()?.close(resolve))
  await closed
})
