/**
 * Passwords, kept as argon2id hashes.
 *
 * The cost is OWASP's first choice (19 MiB, 2 passes, 1 lane): some 30 ms of one core. That is the point of it, and
 * also a way to take a server down, so only a few are computed at a time, a bounded line waits, and whoever comes after
 * that hears `overloaded` at once. Orders are not held up: the work runs on libuv's threads.
 *
 * Checking an unknown e-mail costs the same as checking a wrong password, against a hash that nothing hashes to, so the
 * time of an answer does not tell who has an account.
 */
import { hash, verify } from '@node-rs/argon2'
import { Fault } from '../../protocol/faults.ts'

export interface PasswordCost {
  memoryKiB: number
  passes: number
  lanes: number
}

export const PASSWORD_COST: PasswordCost = { memoryKiB: 19_456, passes: 2, lanes: 1 }

export interface PasswordLimits {
  /** Computed at the same time. */
  runningMax: number
  waitingMax: number
}

export const PASSWORD_LIMITS: PasswordLimits = { runningMax: 2, waitingMax: 64 }

export class Passwords {
  readonly #cost: PasswordCost
  readonly #limits: PasswordLimits
  readonly #nobodys: string
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(cost: PasswordCost = PASSWORD_COST, limits: PasswordLimits = PASSWORD_LIMITS) {
    this.#cost = cost
    this.#limits = limits
    this.#nobodys = `$argon2id$v=19$m=${cost.memoryKiB},t=${cost.passes},p=${cost.lanes}$${'A'.repeat(22)}$${'A'.repeat(43)}`
  }

  /** Throws `overloaded` when the line is full. */
  async hash(password: string): Promise<string> {
    const { memoryKiB, passes, lanes } = this.#cost
    return this.#inTurn(() => hash(password, { memoryCost: memoryKiB, timeCost: passes, parallelism: lanes }))
  }

  /** `kept`: undefined or null for nobody's password; then always false, after the same work. */
  async verify(kept: string | null | undefined, password: string): Promise<boolean> {
    const right = await this.#inTurn(() => verify(kept ?? this.#nobodys, password))
    return right && kept !== undefined && kept !== null
  }

  async #inTurn<T>(compute: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limits.runningMax) await this.#wait()
    else this.#running += 1

    try {
      return await compute()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next() // its place goes over to the next in line, so nobody can slip in between
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting.length >= this.#limits.waitingMax) {
      throw new Fault('overloaded', { waiting: this.#waiting.length }, { message: 'too many sign-ins at the moment' })
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
