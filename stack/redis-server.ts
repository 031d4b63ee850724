/**
 * A private Redis that may be trusted with stock.
 *
 * `appendfsync always` is what makes the word `accepted` honest: the reply leaves after the append-only file was synced.
 * `no-appendfsync-on-rewrite no` keeps that true while the file is rewritten, and `noeviction` refuses a write rather than
 * forget an order. The settings go through a file that only its owner reads: arguments are visible to every user in `ps`.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findOnPath } from './binaries.ts'
import { ownFolder, secretOf } from './data-folder.ts'
import type { ServerRecipe } from './local-server.ts'
import type { Machine } from './machine.ts'
import { NODE_USER, nodePassword, PREFIX, redisNodeRules } from './node-users.ts'
import { says } from './says.ts'

export function findRedis(machine: Machine): string | undefined {
  return findOnPath('redis-server', machine.programFolders)
}

export function redisRecipe(dataDir: string, command: string): ServerRecipe {
  const folder = ownFolder(dataDir, 'redis')
  const password = secretOf(folder)

  return {
    name: 'redis',
    command,
    folder,
    prepare(port) {
      const settings = join(folder, 'redis.conf')
      writeFileSync(settings, redisSettings({ port, folder, password }), { mode: 0o600 })
      return [settings]
    },
    // LOADING and a wrong password are both answered, but not with PONG.
    isReady: (port) => says(port, `AUTH ${password}\r\nPING\r\n`, /\+PONG\r\n/),
    url: (port) => `redis://:${password}@127.0.0.1:${port}`,
  }
}

function redisSettings({ port, folder, password }: { port: number; folder: string; password: string }): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `user ${NODE_USER} on >${nodePassword(password)} ${redisNodeRules(PREFIX)}`,
    `dir ${JSON.stringify(folder)}`,
    'daemonize no',
    'save ""',
    'appendonly yes',
    'appendfsync always',
    'no-appendfsync-on-rewrite no',
    'maxmemory-policy noeviction',
    '',
  ].join('\n')
}
