/**
 * Passwords, kept as argon2id hashes.
 *
 * The cost is OWASP's first choice (19 MiB, 2 passes, 1 lane): some 30 ms of one core. That is the point of it, and
 * also a way to take a server down, so only a few are computed at a time, in the order of password-line.ts. Orders are not
 * held up: the work runs on libuv's threads.
 *
 * Checking an unknown e-mail costs the same as checking a wrong password, against a hash that nothing hashes to, so the
 * time of an answer does not tell who has an account.
 */
import { hash, verify } from '@node-rs/argon2'
import { type InLine, type LineLimits, PasswordLine } from './password-line.ts'

export interface PasswordCost {
  memoryKiB: number
  passes: number
  lanes: number
}

export const PASSWORD_COST: PasswordCost = { memoryKiB: 19_456, passes: 2, lanes: 1 }

export const PASSWORD_LIMITS: LineLimits = { runningMax: 2, waitingMax: 64 }

const ANYBODY: InLine = { neighbourhood: '', isKnown: false }

export class Passwords {
  readonly #cost: PasswordCost
  readonly #line: PasswordLine
  readonly #nobodys: string

  constructor(cost: PasswordCost = PASSWORD_COST, limits: LineLimits = PASSWORD_LIMITS) {
    this.#cost = cost
    this.#line = new PasswordLine(limits)
    this.#nobodys = `$argon2id$v=19$m=${cost.memoryKiB},t=${cost.passes},p=${cost.lanes}$${'A'.repeat(22)}$${'A'.repeat(43)}`
  }

  /** Throws `overloaded` when the line is full. */
  async hash(password: string, who = ANYBODY): Promise<string> {
    const { memoryKiB, passes, lanes } = this.#cost
    return this.#line.inTurn(who, () => hash(password, { memoryCost: memoryKiB, timeCost: passes, parallelism: lanes }))
  }

  /** `kept`: undefined or null for nobody's password; then always false, after the same work. */
  async verify(kept: string | null | undefined, password: string, who = ANYBODY): Promise<boolean> {
    const right = await this.#line.inTurn(who, () => verify(kept ?? this.#nobodys, password))
    return right && kept !== undefined && kept !== null
  }
}
