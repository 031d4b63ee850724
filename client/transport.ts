/**
 * The transport port: one link, text in and text out.
 *
 * A transport only carries. Who may speak, what is said again after a cut and when to come back is decided above it, so
 * that another transport is a page of code and a test can be the server.
 */
export interface Link {
  /** Only between `opened` and `closed`. */
  send(text: string): void
  /** Nothing is heard afterwards, not even `closed`. */
  close(code: number): void
}

export interface LinkEars {
  opened(): void
  heard(text: string): void
  /** Once, whether it was ever open or not. 1006: without a goodbye. */
  closed(code: number, reason: string): void
}

/** Dials, and answers at once; the ears hear nothing before it has answered. */
export type Transport = (ears: LinkEars) => Link
