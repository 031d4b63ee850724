/**
 * The transport port: one link, messages in and messages out.
 *
 * A transport only carries, in whatever form its other end reads. Who may speak, what is said again after a cut and when
 * to come back is decided above it, so that another transport is a page of code and a test can be the server.
 */
import type { Up } from '../protocol/up.ts'

export interface Link {
  /** Only between `opened` and `closed`. */
  send(message: Up): void
  /** Nothing is heard afterwards, not even `closed`. */
  close(code: number): void
}

export interface LinkEars {
  /** The hello is sent during this call, and what belongs behind it. */
  opened(): void
  /** One message or an array of them; anything else, undefined included, ends the link as unreadable. */
  heard(frame: unknown): void
  /** Once, whether it was ever open or not. 1006: without a goodbye. */
  closed(code: number, reason: string): void
}

/** Dials, and answers at once; the ears hear nothing before it has answered. */
export type Transport = (ears: LinkEars) => Link
