/**
 * Who waits for a password to be computed, and who goes first.
 *
 * A few run at a time, a bounded number waits, and a flood of guesses from thousands of networks would fill every place.
 * So whoever has signed in from around here before goes before strangers, and takes a stranger's place when there is none
 * left; every fourth turn is a stranger's all the same, for everybody comes for the first time once. Among equals a place
 * is taken from the neighbourhood that holds the most, so that no single one has them all.
 *
 * A guesser with accounts of their own is known too, from where they used them: they share the places of the known by the
 * same rule, and each such account has its own pace (sign-in-guard.ts).
 */
import { Fault } from '../../protocol/faults.ts'

export interface InLine {
  /** Where they come from: addresses.ts. */
  neighbourhood: string
  /** They have signed in from there before, or are signed in now. */
  isKnown: boolean
}

export interface LineLimits {
  /** Computed at the same time. */
  runningMax: number
  waitingMax: number
}

interface Waiting extends InLine {
  go(): void
  refuse(fault: Fault): void
}

const STRANGERS_EVERY = 4

export class PasswordLine {
  readonly #limits: LineLimits
  /** The oldest first. */
  #waiting: Waiting[] = []
  #running = 0
  #turns = 0

  constructor(limits: LineLimits) {
    this.#limits = limits
  }

  /** Throws `overloaded` when there is no place, at once or when it is taken by somebody else. */
  async inTurn<T>(who: InLine, compute: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limits.runningMax) await this.#wait(who)
    else this.#running += 1

    try {
      return await compute()
    } finally {
      const next = this.#next()
      if (next === undefined) this.#running -= 1
      else next.go() // its place goes over to the next in line, so nobody can slip in between
    }
  }

  #wait(who: InLine): Promise<void> {
    if (this.#waiting.length >= this.#limits.waitingMax) {
      const giving = this.#givesWay(who)
      if (giving === undefined) throw this.#full()
      this.#leave(giving)
      giving.refuse(this.#full())
    }
    return new Promise((go, refuse) => this.#waiting.push({ ...who, go, refuse }))
  }

  #next(): Waiting | undefined {
    this.#turns += 1
    const isStrangers = this.#turns % STRANGERS_EVERY === 0
    const next = this.#waiting.find(({ isKnown }) => isKnown !== isStrangers) ?? this.#waiting[0]
    if (next !== undefined) this.#leave(next)
    return next
  }

  /** The youngest of the neighbourhood that has the most places; undefined: nobody has less claim than who comes. */
  #givesWay(who: InLine): Waiting | undefined {
    const strangers = this.#waiting.filter(({ isKnown }) => !isKnown)
    const isBefore = who.isKnown && strangers.length > 0
    const others = isBefore || !who.isKnown ? strangers : this.#waiting
    const places = new Map<string, number>()
    for (const { neighbourhood } of others) places.set(neighbourhood, (places.get(neighbourhood) ?? 0) + 1)
    const most = Math.max(0, ...places.values())
    if (!isBefore && most < (places.get(who.neighbourhood) ?? 0) + 2) return undefined

    return others.findLast(({ neighbourhood }) => places.get(neighbourhood) === most)
  }

  #leave(one: Waiting): void {
    this.#waiting = this.#waiting.filter((other) => other !== one)
  }

  #full(): Fault {
    return new Fault('overloaded', { waiting: this.#waiting.length }, { message: 'too many sign-ins at the moment' })
  }
}
