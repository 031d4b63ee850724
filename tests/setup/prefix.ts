/**
 * Names that no other test file uses, for Redis keys and NATS subjects: letters and digits only, so they fit both.
 */
import { randomBytes } from 'node:crypto'

export function uniquePrefix(): string {
  return `t${randomBytes(6).toString('hex')}`
}
