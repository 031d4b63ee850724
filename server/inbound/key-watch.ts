/**
 * Changing keys without a restart: the settings are read again every ten seconds, and when the keys in them are others
 * the ring takes them.
 *
 * Reading again was chosen over signals and over watching files: orchestrators swap links, which a watch on the file does
 * not see, and send no signal. What cannot be read changes nothing, and is said once.
 */
import type { Clock, Log, Timer } from '../../rooms/ports.ts'
import type { KeyMaterial, KeyRing } from './key-ring.ts'

export interface KeyWatchWorld {
  /** The keys as they are set now. May throw. */
  read: () => KeyMaterial
  ring: Pick<KeyRing, 'change' | 'signing'>
  clock: Clock
  log: Log
}

export const READ_EVERY_MS = 10_000

/** `has`: what the ring was made of. */
export function watchKeys({ read, ring, clock, log }: KeyWatchWorld, has: KeyMaterial): { stop(): Promise<void> } {
  let known = JSON.stringify(has)
  let isUnread = false
  let timer: Timer = clock.after(READ_EVERY_MS, look)

  function look(): void {
    try {
      const material = read()
      const now = JSON.stringify(material)
      if (now !== known) {
        ring.change(material)
        known = now
        log.info('keys.changed', { signing: ring.signing.header.kid })
      }
      isUnread = false
    } catch (cause) {
      if (!isUnread) log.error('keys.not_read', { cause: String(cause) })
      isUnread = true
    }
    timer = clock.after(READ_EVERY_MS, look)
  }

  return { stop: async () => timer.cancel() }
}
