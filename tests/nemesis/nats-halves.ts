/**
 * A cluster of three NATS servers whose routes go through gates, so that it can be cut in two: the last server on one
 * side, the others on the other.
 *
 * Servers tell one another where they are and would meet behind the gates' backs; the address that these advertise leads
 * nowhere, so the routes are those that each was given. They have the password and the users of the stack's own NATS.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownFolder } from '../../stack/data-folder.ts'
import { freePort } from '../../stack/free-port.ts'
import { type LocalServer, startServer } from '../../stack/local-server.ts'
import type { LocalStack } from '../../stack/local-stack.ts'
import { thisMachine } from '../../stack/machine.ts'
import { findNats, natsRecipe } from '../../stack/nats-server.ts'
import { Gate } from './gate.ts'

const SERVERS = 3
const NOWHERE = '127.0.0.1:1'
const isLast = (at: number) => at === SERVERS - 1

export class NatsHalves {
  readonly #servers: readonly LocalServer[]
  /** On the routes from one side to the other. */
  readonly #between: readonly Gate[]
  readonly #within: readonly Gate[]

  private constructor(servers: readonly LocalServer[], between: readonly Gate[], within: readonly Gate[]) {
    this.#servers = servers
    this.#between = between
    this.#within = within
  }

  static async start({ servers: { nats } }: LocalStack, dataDir: string): Promise<NatsHalves> {
    if (nats === undefined) throw new Error('NATS is not ours')
    const machine = thisMachine()
    const ports = await Promise.all(Array.from({ length: SERVERS }, freePort))
    const between: Gate[] = []
    const within: Gate[] = []
    const started = ports.map(async (port, at) => {
      const gates = await Promise.all(ports.map((other) => Gate.open(other)))
      const routes = gates.filter((_, to) => to !== at)
      for (const [to, gate] of gates.entries()) (isLast(at) === isLast(to) ? within : between).push(gate)

      const ownDir = join(dataDir, `nats-${at}`)
      copyFileSync(join(nats.folder, 'password'), join(ownFolder(ownDir, 'nats'), 'password'))
      const recipe = natsRecipe(ownDir, findNats(machine) ?? '')
      const cluster = [
        ...['--name', `nats-${at}`, '--cluster_name', 'halves', '--cluster', `nats://127.0.0.1:${port}`],
        ...[
          '--routes',
          routes.map((gate) => `nats://127.0.0.1:${gate.port}`).join(','),
          '--cluster_advertise',
          NOWHERE,
        ],
      ]
      const prepare = async (clientPort: number) => [...(await recipe.prepare(clientPort)), ...cluster]
      return startServer({ ...recipe, prepare }, machine)
    })
    const servers = await Promise.all(started)
    return new NatsHalves(servers, between, within)
  }

  /** The server of the node at this place. */
  urlOf(place: number): string | undefined {
    return this.#servers[place % SERVERS]?.url
  }

  /** Both ends are told, and nothing passes any more. */
  cut(): void {
    for (const gate of this.#between) {
      gate.hold()
      gate.cutAll()
    }
  }

  mend(): void {
    for (const gate of this.#between) gate.mend()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.kill()))
    await Promise.all([...this.#between, ...this.#within].map((gate) => gate.close()))
  }
}
