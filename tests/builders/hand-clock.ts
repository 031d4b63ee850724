/** Time that only moves when a test says so: the client's own, at rest where a server's code rests, behind its IO too. */
import { HAND_START_MS, HandWorld } from '../../client/testing/hand-world.ts'

export const START_MS = HAND_START_MS

export class HandClock extends HandWorld {
  constructor() {
    super(settled)
  }
}

/** Every promise that can go on without time or IO has gone on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve))
}
