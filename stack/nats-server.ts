/**
 * A private NATS with JetStream.
 *
 * It is ready when its ports file is there: NATS writes it, under its own process id, after it listens, so the answer
 * cannot come from another server that happens to have the port.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { findOnPath } from './binaries.ts'
import { ownFolder, secretOf } from './data-folder.ts'
import type { ServerRecipe } from './local-server.ts'
import type { Machine } from './machine.ts'
import { NODE_USER, natsNodePermissions, nodePassword, PREFIX } from './node-users.ts'
import { says } from './says.ts'

const USER = 'livedrop'

export function findNats(machine: Machine): string | undefined {
  return findOnPath('nats-server', machine.programFolders)
}

export function natsRecipe(dataDir: string, command: string): ServerRecipe {
  const folder = ownFolder(dataDir, 'nats')
  const password = secretOf(folder)

  return {
    name: 'nats',
    command,
    folder,
    prepare(port) {
      for (const file of readdirSync(folder)) if (file.endsWith('.ports')) rmSync(join(folder, file), { force: true })
      const settings = join(folder, 'nats.conf')
      writeFileSync(settings, natsSettings({ port, password }), { mode: 0o600 })
      return ['-c', settings, '--ports_file_dir', folder, '-js', '-sd', join(folder, 'jetstream')]
    },
    isReady: (port, pid) =>
      existsSync(join(folder, `${basename(command)}_${pid}.ports`)) && says(port, '', /^INFO .*"jetstream":true/),
    url: (port) => `nats://${USER}:${password}@127.0.0.1:${port}`,
  }
}

function natsSettings({ port, password }: { port: number; password: string }): string {
  return [
    'host: "127.0.0.1"',
    `port: ${port}`,
    `authorization { users: ${JSON.stringify([
      { user: USER, password },
      { user: NODE_USER, password: nodePassword(password), permissions: natsNodePermissions(PREFIX) },
    ])} }`,
    // Two bounds of its own making: without them JetStream takes a share of the machine's memory and disk.
    'jetstream { max_memory_store: 256MB, max_file_store: 4GB }',
    '',
  ].join('\n')
}
