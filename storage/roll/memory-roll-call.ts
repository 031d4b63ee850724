/** The roll call in plain objects, on a clock that a test may wind: the measure of the one in Redis. */
import type { NodeId } from '../../protocol/ids.ts'
import type { RollCall } from '../../rooms/ports.ts'

export class MemoryRollCall implements RollCall {
  readonly #nowMs: () => number
  readonly #hereAtMs = new Map<NodeId, number>()

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
  }

  async here(node: NodeId): Promise<void> {
    this.#hereAtMs.set(node, this.#nowMs())
  }

  async left(node: NodeId): Promise<void> {
    this.#hereAtMs.delete(node)
  }

  async others(node: NodeId, withinMs: number): Promise<NodeId[]> {
    const sinceMs = this.#nowMs() - withinMs
    return [...this.#hereAtMs].filter(([one, atMs]) => one !== node && atMs >= sinceMs).map(([one]) => one)
  }

  wipe(): void {
    this.#hereAtMs.clear()
  }
}
