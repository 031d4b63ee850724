/**
 * What a node counts and times, and the only place that knows how it is written down (Prometheus' text format).
 *
 * Names end in their unit, labels come from closed lists of ours: nothing a client sends becomes a label, so a scrape
 * stays as large as it is. One meter for each node, never one for the process. Percentiles are left to whoever asks:
 * histograms can be added up over nodes, percentiles cannot. All of it costs some 1.6 microseconds of CPU for an order.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** From a fast answer within one node to the longest that anybody waits, seconds. */
const REPLY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3]
const STORE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.8, 3]
const LAG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300]
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]

/**
 * A counter that begins with its first event has not risen, for Prometheus: so whatever an alarm waits for is there from the
 * start. These are all events that are errors, and of the warnings those that are worth waking somebody for.
 */
const ERRORS = [
  ...['bus.error', 'bus.letters_failed', 'bus.listener_failed', 'bus.subscription_failed', 'certificate.not_taken'],
  ...['gateway.failed', 'gateway.order_failed', 'greeting.failed', 'handover.failed', 'herald.failed', 'http.failed'],
  ...['http.not_heard', 'keys.not_read', 'metrics.failed', 'native.failed', 'neighbour.surrender_failed'],
  ...['neighbour.wake_failed', 'order.revoked', 'order.units_not_returned', 'outbox.unsendable', 'room.not_retired'],
  ...['socketio.failed', 'standings.full', 'stock.unaccounted', 'surrender.incomplete', 'surrender.unreadable'],
]
const WARNINGS = ['takeover.redis_lost', 'settings.unsafe']

export class Meter {
  readonly #registry = new Registry()

  readonly replies = this.#histogram('livedrop_order_reply_seconds', {
    help: 'From an order that came in here, by socket or REST, to its verdict.',
    labels: ['verdict'],
    buckets: REPLY_SECONDS,
  })
  readonly ledgerCalls = this.#histogram('livedrop_ledger_call_seconds', {
    help: 'A batch of orders, or one doing of a creator, in Redis. answer: failed when it is not known what became of it.',
    labels: ['call', 'answer'],
    buckets: STORE_SECONDS,
  })
  readonly claims = this.#histogram('livedrop_ledger_claims', {
    help: 'Orders in one call to Redis.',
    labels: [],
    buckets: BATCH_SIZES,
  })
  readonly verdicts = this.#counter('livedrop_ledger_verdicts_total', {
    help: 'What Redis said to orders of the rooms of this node.',
    labels: ['verdict'],
  })
  readonly bookWrites = this.#histogram('livedrop_book_write_seconds', {
    help: 'A transaction that writes what was accepted. answer: failed ones are tried again, fenced ones are left to the next owner.',
    labels: ['answer'],
    buckets: STORE_SECONDS,
  })
  readonly outcomes = this.#counter('livedrop_book_outcomes_total', {
    help: 'What became of accepted orders and of doings in Postgres. revoked: must not be.',
    labels: ['outcome'],
  })
  readonly confirmLag = this.#histogram('livedrop_confirm_lag_seconds', {
    help: 'From accepted (Redis TIME) to committed in Postgres.',
    labels: [],
    buckets: LAG_SECONDS,
  })
  readonly events = this.#counter('livedrop_log_events_total', {
    help: 'Lines of the log by their event, whatever the level that is written.',
    labels: ['level', 'event'],
  })
  readonly #unaccounted = new Gauge({
    name: 'livedrop_units_unaccounted',
    help: 'Units of the drops that run here which no store accounts for (lost), or two do (twice). Must be 0.',
    labelNames: ['way'] as const,
    registers: [this.#registry],
  })
  readonly #reconciled = new Gauge({
    name: 'livedrop_reconciled_timestamp_seconds',
    help: 'When the units of all drops that run here were last added up.',
    registers: [this.#registry],
  })

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
    for (const event of ERRORS) this.events.inc({ level: 'error', event }, 0)
    for (const event of WARNINGS) this.events.inc({ level: 'warn', event }, 0)
    // Gauges whose names end in _total: promtool refuses them.
    for (const name of ['handles', 'requests', 'resources']) {
      this.#registry.removeSingleMetric(`nodejs_active_${name}_total`)
    }
  }

  /** A number that is read when somebody asks. */
  reading(name: string, help: string, read: () => number): void {
    this.#reading(name, help, [], (gauge) => gauge.set(read()))
  }

  /** One for each word of a closed list. */
  readings<Label extends string>(
    name: string,
    help: string,
    label: Label,
    read: () => Promise<Readonly<Record<string, number>>>,
  ): void {
    this.#reading(name, help, [label], async (gauge) => {
      for (const [word, value] of Object.entries(await read()))
        gauge.set({ [label]: word } as Record<Label, string>, value)
    })
  }

  /** The units of all drops that run here have been added up. */
  accounted({ lost, twice }: { lost: number; twice: number }, nowMs: number): void {
    this.#unaccounted.set({ way: 'lost' }, lost)
    this.#unaccounted.set({ way: 'twice' }, twice)
    this.#reconciled.set(nowMs / 1_000)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** All of it, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  #histogram<Label extends string>(name: string, how: { help: string; labels: readonly Label[]; buckets: number[] }) {
    const { help, labels, buckets } = how
    return new Histogram<Label>({ name, help, labelNames: labels, buckets, registers: [this.#registry] })
  }

  #counter<Label extends string>(name: string, how: { help: string; labels: readonly Label[] }) {
    const { help, labels } = how
    return new Counter<Label>({ name, help, labelNames: labels, registers: [this.#registry] })
  }

  #reading<Label extends string>(
    name: string,
    help: string,
    labels: Label[],
    read: (gauge: Gauge<Label>) => void | Promise<void>,
  ): void {
    const registers = [this.#registry]
    new Gauge<Label>({
      name,
      help,
      labelNames: labels,
      registers,
      collect() {
        return read(this)
      },
    })
  }
}
