/** What many ask for at once is done once: who asks for the same thing while it is under way gets that answer too. */
export class SingleFlight<Key, Answer> {
  readonly #flights = new Map<Key, Promise<Answer>>()

  /** Everything that is under way. */
  get answers(): Promise<Answer>[] {
    return [...this.#flights.values()]
  }

  /** Fails for all as it fails for one; nothing is remembered after the end. */
  join(key: Key, start: () => Promise<Answer>): Promise<Answer> {
    const underWay = this.#flights.get(key)
    if (underWay !== undefined) return underWay

    const flight = start().finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }
}
