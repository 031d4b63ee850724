/**
 * Says when the bus is in halves: this node hears itself over it, and does not hear another one that says the same.
 *
 * That is a NATS cluster whose servers have lost one another. Nobody gives a room up for it (rooms/reach.ts): each half
 * is a bus to its nodes, no half can count the other, and to let go on both sides would serve nobody. Rooms stay where
 * they are, and orders that come in on the other side are put off. Which half should end is for people to say.
 */
import type { NodeId } from '../protocol/ids.ts'
import type { Clock, Log, RollCall, Timer } from '../rooms/ports.ts'

export interface HalvesWorld {
  roll: Pick<RollCall, 'others'>
  node: NodeId
  /** Whom this node hears over the bus. */
  live(): readonly NodeId[]
  /** How long the bus has not brought this node's own words back. */
  unheardMs(): number
  log: Pick<Log, 'info' | 'warn'>
  clock: Pick<Clock, 'after'>
}

export const LOOK_EVERY_MS = 1_000
/** Who has just come or gone is for a moment in one list and not in the other. */
const LOOKS_TO_BELIEVE = 5
const HERE_WITHIN_MS = 1_500

export function watchHalves(world: HalvesWorld): { stop(): Promise<void> } {
  const { roll, node, live, unheardMs, log, clock } = world
  /** How often in a row each of the others has been there without being heard. */
  let unheard = new Map<NodeId, number>()
  let isSaid = false
  let isStopped = false
  let timer = next()

  function next(): Timer {
    return clock.after(LOOK_EVERY_MS, () => {
      void look().finally(() => {
        if (!isStopped) timer = next()
      })
    })
  }

  async function look(): Promise<void> {
    const others = await roll.others(node, HERE_WITHIN_MS).catch(() => undefined)
    // Redis is away, or it is this node that is cut off: both are said elsewhere.
    if (others === undefined || unheardMs() >= HERE_WITHIN_MS) return

    const heard = new Set(live())
    unheard = new Map(others.filter((one) => !heard.has(one)).map((one) => [one, (unheard.get(one) ?? 0) + 1]))
    const unheardFor = (atLeast: number) => [...unheard].filter(([, looks]) => looks >= atLeast).map(([one]) => one)
    const isHalved = unheardFor(LOOKS_TO_BELIEVE).length > 0
    if (isHalved === isSaid || isStopped) return

    isSaid = isHalved
    // Of those whom one cut took away, some had been heard a moment later than others: a look later they are gone too.
    if (isHalved) log.warn('bus.halved', { beyond: unheardFor(LOOKS_TO_BELIEVE - 1) })
    else log.info('bus.whole')
  }

  return {
    stop: async () => {
      isStopped = true
      timer.cancel()
    },
  }
}
