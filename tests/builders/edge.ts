/**
 * The edge of a node between its sockets and its stores, put together as in server/start.ts: the real hub, sessions and
 * gateway. What is on either side is the test's.
 */
import type { DropId } from '../../protocol/ids.ts'
import type { Log } from '../../rooms/ports.ts'
import { Gateway, type GatewayWorld } from '../../server/inbound/gateway.ts'
import type { SessionLimits } from '../../server/inbound/gateway-greeting.ts'
import { Outcomes } from '../../server/inbound/outcomes.ts'
import { ROLL_LIMITS, type RollLimits, SessionRoll } from '../../server/inbound/session-roll.ts'
import { Tickets } from '../../server/inbound/tickets.ts'
import { DropReader } from '../../server/outbound/drop-view-reader.ts'
import { Hub, type HubWorld } from '../../server/outbound/hub.ts'
import { Mine } from '../../server/outbound/mine.ts'

type Seen = ConstructorParameters<typeof DropReader>
type Owned = ConstructorParameters<typeof Outcomes>

export interface EdgeParts extends Pick<GatewayWorld, 'clock' | 'random' | 'tokens' | 'rooms' | 'cancellations'> {
  log: Log
  broadcaster: HubWorld['broadcaster']
  pages: Seen[0] & Owned[2]
  ledger: Seen[1] & Owned[0]
  orders: ConstructorParameters<typeof Mine>[0] & Owned[1]
  feed?: HubWorld['feed']
  viewers?: NonNullable<HubWorld['viewers']>
  notices?: NonNullable<HubWorld['notices']>
  rollLimits?: Partial<RollLimits>
  limits?: SessionLimits | undefined
}

/** No news come from anywhere, unless a test says so. */
const quiet = { watch: (_: DropId) => ({ stop: async () => undefined }) }

export function edge(parts: EdgeParts) {
  const { clock, random, log, broadcaster, pages, ledger, orders, tokens, rooms, cancellations, limits } = parts
  const hub = new Hub({
    ...{ clock, random, log, broadcaster },
    reader: new DropReader(pages, ledger, clock),
    mine: new Mine(orders, clock),
    feed: parts.feed ?? quiet,
    ...(parts.viewers === undefined ? {} : { viewers: parts.viewers }),
    ...(parts.notices === undefined ? {} : { notices: parts.notices }),
  })
  const roll = new SessionRoll(clock, random, { ...ROLL_LIMITS, ...parts.rollLimits }, hub)
  const tickets = new Tickets('a secret for tests', () => clock.nowMs())
  const outcomes = new Outcomes(ledger, orders, pages, clock)
  const gateway = new Gateway({
    ...{ clock, random, log, hub, roll, outcomes, tickets, tokens, rooms, cancellations },
    ...(limits === undefined ? {} : { limits }),
  })
  return { hub, roll, tickets, gateway }
}
