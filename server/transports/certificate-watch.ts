/**
 * A new certificate without a restart: the files are looked at every ten seconds, as the keys of tokens are
 * (server/inbound/key-watch.ts says why). Files that do not belong together, as between the writing of one and the
 * other, change nothing and are said once.
 */
import type { Clock, Log, Timer } from '../../rooms/ports.ts'
import { type CertificateFiles, readCertificate } from './certificate.ts'
import type { RenewableApp } from './edge-app.ts'

export interface CertificateWatchWorld {
  files: CertificateFiles
  app: Pick<RenewableApp, 'renew'>
  clock: Clock
  log: Log
}

export const LOOK_EVERY_MS = 10_000
/** Whoever renews it has missed it by then. */
const ENDS_SOON_MS = 7 * 86_400_000

/** Call it when the app listens; throws what is wrong with the files that it listens with. */
export function watchCertificate({ files, app, clock, log }: CertificateWatchWorld): { stop(): Promise<void> } {
  let isUnread = false
  let isToldOfEnd = false
  let isStopped = false
  let known = taken()
  let timer: Timer = clock.after(LOOK_EVERY_MS, look)

  function taken(): string {
    const { print, names, endsAtMs } = readCertificate(files)
    log.info('certificate.taken', { names, endsAt: new Date(endsAtMs).toISOString() })
    isToldOfEnd = false
    return print
  }

  async function look(): Promise<void> {
    try {
      const { print, endsAtMs } = readCertificate(files)
      if (print !== known) {
        await app.renew()
        known = taken()
      }
      if (endsAtMs - clock.nowMs() < ENDS_SOON_MS && !isToldOfEnd) {
        log.warn('certificate.ends', { endsAt: new Date(endsAtMs).toISOString() })
        isToldOfEnd = true
      }
      isUnread = false
    } catch (cause) {
      if (!isUnread) log.error('certificate.not_taken', { cause: String(cause) })
      isUnread = true
    }
    if (!isStopped) timer = clock.after(LOOK_EVERY_MS, () => void look())
  }

  return {
    stop: async () => {
      isStopped = true
      timer.cancel()
    },
  }
}
