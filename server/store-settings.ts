/**
 * What a store must promise for our own promises to be true, asked at the start and every second after it.
 *
 * Production refuses to start without; elsewhere it is said. A setting that somebody changes later is said too, and ends
 * nothing: every node would see it in the same second, and a shop that is closed by a typing error is worse than one whose
 * last second a power cut could take. The stores are watched apart, for one that is away must not hide the other.
 */
import { Fault } from '../protocol/faults.ts'
import type { Clock, Log, Timer } from '../rooms/ports.ts'
import { checkPostgresSettings, type Sql } from '../storage/postgres.ts'
import { checkRedisSettings, type RedisConnection, type SettingsAnswer } from '../storage/redis.ts'

export interface StoreSettingsWorld {
  redis: RedisConnection
  sql: Sql
  log: Pick<Log, 'info' | 'warn'>
}

/** Under the two seconds that are promised, with time for the answer. */
export const LOOK_EVERY_MS = 1_000

/** Throws `misconfigured` in production, where one is not safe. Elsewhere the watch says it. */
export async function refuseUnsafe({ redis, sql, log }: StoreSettingsWorld, isProduction: boolean): Promise<void> {
  const found = await checkRedisSettings(redis)
  if (found.answer === 'forbidden') log.warn('redis.settings_unknown', { reason: found.reason })
  if (!isProduction) return

  const said = [...inWords(found), ...(await ofPostgres(sql))]
  if (said.length > 0)
    throw new Fault('misconfigured', { said }, { message: `unsafe settings:\n  ${said.join('\n  ')}` })
}

/** Says each change. What cannot be asked now is asked again; that a store is away is said elsewhere. */
export function watchStoreSettings({ redis, sql, log }: StoreSettingsWorld, clock: Clock): { stop(): Promise<void> } {
  const watches = [
    watch('Redis', async () => inWords(await checkRedisSettings(redis)), log, clock),
    watch('Postgres', () => ofPostgres(sql), log, clock),
  ]
  return {
    stop: async () => {
      for (const stop of watches) stop()
    },
  }
}

/** `read`: what is not safe, in words. */
export function watch(
  store: string,
  read: () => Promise<string[]>,
  log: Pick<Log, 'info' | 'warn'>,
  clock: Clock,
): () => void {
  let known = ''
  let isStopped = false
  let timer: Timer | undefined

  async function look(): Promise<void> {
    const said = await read().catch(() => undefined)
    if (isStopped) return

    if (said !== undefined && said.join() !== known) {
      known = said.join()
      if (said.length > 0) log.warn('settings.unsafe', { store, said })
      else log.info('settings.safe', { store })
    }
    timer = clock.after(LOOK_EVERY_MS, () => void look())
  }

  void look()
  return () => {
    isStopped = true
    timer?.cancel()
  }
}

function inWords(found: SettingsAnswer): string[] {
  if (found.answer === 'forbidden') return []

  return found.unsafe.map(({ setting, found: is, needed }) => `Redis ${setting} is ${is}, needs ${needed}`)
}

async function ofPostgres(sql: Sql): Promise<string[]> {
  return (await checkPostgresSettings(sql)).map(({ name, is, why }) => `Postgres ${name} is ${is}: ${why}`)
}
