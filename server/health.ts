/**
 * Whether this node can do its work, and what keeps it from it.
 *
 * Each dependency is asked by a probe with a time limit, all at once, and the findings are kept for half a second: a
 * load balancer that asks often, or a stranger who asks very often, costs nothing. A node that is going away says so
 * before anything else happens, so that no new traffic reaches it.
 *
 * The reason given is a word: this answer is public, and an error's message may hold a host or a user.
 */
import type { Dependency, Readiness } from '../protocol/api/health.ts'
import { Fault } from '../protocol/faults.ts'
import type { Log } from '../rooms/ports.ts'

/** Resolves when the dependency answers; throws when it does not. */
export type Probe = () => Promise<unknown>

export interface HealthLimits {
  probeMs: number
  keptMs: number
}

export const HEALTH_LIMITS: HealthLimits = { probeMs: 1_000, keptMs: 500 }

type Finding = { ok: true } | { ok: false; why: string }

export class Health {
  readonly #probes: Readonly<Record<Dependency, Probe>>
  readonly #log: Pick<Log, 'warn' | 'info'>
  readonly #limits: HealthLimits
  readonly #monotonicMs: () => number
  readonly #wasOk = new Map<Dependency, boolean>()
  #asked: { atMs: number; readiness: Promise<Readiness> } | undefined
  #leaving: string | undefined

  constructor(
    probes: Readonly<Record<Dependency, Probe>>,
    log: Pick<Log, 'warn' | 'info'>,
    limits: HealthLimits = HEALTH_LIMITS,
    monotonicMs: () => number = () => performance.now(),
  ) {
    this.#probes = probes
    this.#log = log
    this.#limits = limits
    this.#monotonicMs = monotonicMs
  }

  /** From now on never ready again. */
  leave(why = 'shutting down'): void {
    this.#leaving = why
  }

  async readiness(): Promise<Readiness> {
    const nowMs = this.#monotonicMs()
    if (this.#asked === undefined || nowMs - this.#asked.atMs >= this.#limits.keptMs) {
      this.#asked = { atMs: nowMs, readiness: this.#ask() }
    }
    const found = await this.#asked.readiness
    return this.#leaving === undefined ? found : { ...found, ready: false, why: this.#leaving }
  }

  async #ask(): Promise<Readiness> {
    const [redis, postgres, nats] = await Promise.all([
      this.#probe('redis'),
      this.#probe('postgres'),
      this.#probe('nats'),
    ])
    return { ready: redis.ok && postgres.ok && nats.ok, dependencies: { redis, postgres, nats } }
  }

  async #probe(dependency: Dependency): Promise<Finding> {
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<Finding>((resolve) => {
      const why = `no answer within ${this.#limits.probeMs} ms`
      timer = setTimeout(() => resolve({ ok: false, why }), this.#limits.probeMs)
    })
    const answer = this.#try(dependency)
    const finding = await Promise.race([answer, silence])
    clearTimeout(timer)
    this.#note(dependency, finding)
    return finding
  }

  async #try(dependency: Dependency): Promise<Finding> {
    try {
      await this.#probes[dependency]()
      return { ok: true }
    } catch (error) {
      return { ok: false, why: reason(error) }
    }
  }

  /** Only changes are worth a line. */
  #note(dependency: Dependency, finding: Finding): void {
    if ((this.#wasOk.get(dependency) ?? true) === finding.ok) return

    this.#wasOk.set(dependency, finding.ok)
    if (finding.ok) this.#log.info('dependency.back', { dependency })
    else this.#log.warn('dependency.lost', { dependency, why: finding.why })
  }
}

function reason(error: unknown): string {
  if (error instanceof Fault) return error.code
  if (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[A-Z0-9_]{1,32}$/.test(error.code)
  ) {
    return error.code
  }
  return 'failed'
}
