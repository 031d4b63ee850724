/**
 * `livedrop up`: a whole LiveDrop on this machine, for as long as this command runs.
 *
 * It uses what REDIS_URL, NATS_URL and DATABASE_URL name, and starts private real servers for the rest. A database of its
 * own is filled with a small demo world once, so that there is something to look at and to order from. With `--demo` it
 * also sells a drop to a thousand simulated fans and shows what happened.
 */
import { createServer } from 'node:net'
import { defineCommand } from 'citty'
import pc from 'picocolors'
import { Tokens } from '../server/inbound/tokens.ts'
import { type LocalCluster, startCluster } from '../stack/local-cluster.ts'
import { type Step, step } from '../stack/steps.ts'
import { runBench } from './bench.ts'
import { DEMO_PASSWORD, DEMO_PICTURES, type DemoWorld, demoWorld } from './demo/seed.ts'
import { CREATORS, DROPS, FANS } from './demo/world.ts'
import { BadCall, orFail } from './outcome.ts'
import { dataArg, nodeSettings } from './settings.ts'

const PORT = 8080
const TOKEN_TTL_MS = 12 * 3_600_000

export const upCommand = defineCommand({
  meta: { name: 'up', description: 'Start a local stack with one node or more' },
  args: {
    nodes: { type: 'string', description: 'How many nodes; 2 with --demo' },
    port: { type: 'string', description: `Port of the first node (LIVEDROP_PORT, else ${PORT}); the others follow` },
    data: dataArg,
    world: {
      type: 'boolean',
      description: 'Fill an own, empty database with a small world of creators, fans and drops',
      default: true,
    },
    demo: { type: 'boolean', description: 'Sell a drop to a thousand simulated fans, then stay', default: false },
    sockets: { type: 'string', description: 'Fans of the demo', default: '1000' },
  },
  run: ({ args }) =>
    orFail(async () => {
      const nodes = whole('nodes', args.nodes ?? (args.demo ? '2' : '1'), 1, 16)
      const port = await firstFree(
        whole('port', args.port ?? process.env.LIVEDROP_PORT ?? String(PORT), 0, 65_535),
        nodes,
      )
      const { REDIS_URL, NATS_URL, DATABASE_URL } = process.env
      const cluster = await startCluster({
        dataDir: args.data,
        nodes,
        port,
        given: { redisUrl: REDIS_URL, natsUrl: NATS_URL, databaseUrl: DATABASE_URL },
        env: {
          LIVEDROP_LOG_LEVEL: 'warn',
          LIVEDROP_PICTURES: DEMO_PICTURES,
          ...nodeSettings(process.env),
        },
        onStep: show,
        onLost: ({ server, lastLines }) => console.error(`${server} ended by itself; its last words:\n${lastLines}`),
        onLog: (node, line) => console.error(`[${node}] ${line}`),
      })
      const leaving = leaveOnSignal(cluster)
      try {
        // Somebody else's database is never filled with invented people.
        const world = args.world && DATABASE_URL === undefined ? await seed(cluster) : undefined
        if (args.demo) await storm(cluster, whole('sockets', args.sockets, 1, 15_000))
        console.log(`\n${pc.bold('LiveDrop runs')} at ${cluster.nodes.map((node) => node.url).join(', ')}`)
        if (world !== undefined) console.log(byHand(cluster.nodes[0]?.url ?? '', world))
        console.log('\nCtrl-C ends it.')
      } catch (cause) {
        await cluster.stop()
        throw cause
      }
      await leaving
    }),
})

function leaveOnSignal(cluster: LocalCluster): Promise<void> {
  return new Promise((resolve) => {
    let asked = false
    const leave = () => {
      if (asked) return
      asked = true
      console.log('\nstopping: nodes first, then their servers')
      void cluster.stop().then(resolve)
    }
    process.on('SIGINT', leave)
    process.on('SIGTERM', leave)
  })
}

function seed(cluster: LocalCluster): Promise<DemoWorld> {
  const tokens = new Tokens(cluster.env.LIVEDROP_JWT_SECRET ?? '')
  const place = { url: cluster.nodes[0]?.url ?? '', databaseUrl: cluster.stack.databaseUrl, tokens }
  return step(
    show,
    'fill the demo world',
    () => demoWorld({ ...place, tokenTtlMs: TOKEN_TTL_MS }),
    () => `${CREATORS.length} creators, ${FANS} fans, ${DROPS.length} drops`,
  )
}

async function storm(cluster: LocalCluster, sockets: number): Promise<void> {
  const urls = cluster.nodes.map((node) => node.url)
  console.log(
    `\n${pc.bold('A drop is sold')}: 300 units, ${sockets} fans on live sockets, over ${urls.length} node(s)\n`,
  )
  const env = { ...process.env, ...cluster.env, LIVEDROP_URLS: urls.join(',') }
  const code = await runBench('storm', ['--sockets', String(sockets)], env)
  if (code !== 0) console.error(pc.red('the storm did not meet its bars; the node stays, so that you can look'))
}

function byHand(url: string, { drop, sku, fanToken, creatorToken }: DemoWorld): string {
  return `
A drop of vinyl is open. Order one by hand, twice: it stays one order.

  export FAN=${fanToken}
  curl -sS ${url}/v1/drops/${drop}/orders -H "authorization: Bearer $FAN" \\
    -H 'content-type: application/json' -H 'idempotency-key: my-first-order' -H 'prefer: wait' \\
    -d '{"lines":[{"sku":"${sku}","qty":1}]}'

Look around, pause the drop as its creator, prove that all is well:

  curl -sS ${url}/v1/drops/${drop}
  curl -sS ${url}/v1/creators
  export LIVEDROP_TOKEN=${creatorToken}
  npm run -s livedrop drop pause ${drop} -- --url ${url}
  npm run -s livedrop audit ${drop}

Both tokens are good for 12 hours. To sign in: mia, nordlicht, kilo, tapedeck or fan1 to fan32 @demo.example,
with the password “${DEMO_PASSWORD}”.`
}

function show({ name, state, ms, detail }: Step): void {
  if (state === 'started') {
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${pc.dim('…')} ${name}`)
    return
  }
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K')
  const mark = state === 'done' ? pc.green('ok') : pc.red('failed')
  console.log(`${mark}  ${name.padEnd(34)} ${`${ms} ms`.padStart(9)}  ${detail}`)
}

/** The wished port if it and its followers are free, else 0: any free ones. */
async function firstFree(port: number, count: number): Promise<number> {
  if (port === 0) return 0

  for (let at = port; at < port + count; at += 1) {
    if (await isFree(at)) continue
    console.log(`port ${at} is taken: using any free ones`)
    return 0
  }
  return port
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}

function whole(name: string, text: string, least: number, most: number): number {
  const figure = Number(text)
  if (Number.isInteger(figure) && figure >= least && figure <= most) return figure
  throw new BadCall(`--${name} takes a whole number from ${least} to ${most}`)
}
