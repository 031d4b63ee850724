/**
 * The storm: many live sockets order one drop at its opening, and an audit proves what came of it.
 *
 *   npm run storm -- [--form rush|steady] [--sockets 1000] [--processes 1] [--nodes 1] [--skus 3] [--stock 100] [--limit 2]
 *     [--rush-ms 2000 | --duration-ms 10000 --in-flight 2] [--json] [--out file]
 *     [--kill-owner-after-ms 1000 | --drain-owner-after-ms 1000]
 *
 * `rush` is a real opening: a few hundred units, each fan orders once, within two seconds. `steady` is a closed loop on
 * stock without end, for throughput, with two orders of each fan on their way. Exit code 0: nothing oversold, nothing lost, every bar met.
 */
import { parseArgs } from 'node:util'
import { openGround } from './ground.ts'
import { report } from './report.ts'
import { type Progress, type StormOptions, type StormResult, storm } from './storm-run.ts'
import { stormRows } from './storm-table.ts'

const { values: said } = parseArgs({
  options: {
    form: { type: 'string', default: 'rush' },
    sockets: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '1' },
    stock: { type: 'string' },
    skus: { type: 'string', default: '3' },
    limit: { type: 'string' },
    'rush-ms': { type: 'string', default: '2000' },
    'duration-ms': { type: 'string', default: '10000' },
    'in-flight': { type: 'string', default: '2' },
    'kill-owner-after-ms': { type: 'string' },
    'drain-owner-after-ms': { type: 'string' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})

const steady = said.form === 'steady'
const options: StormOptions = {
  form: steady ? 'steady' : 'rush',
  sockets: whole('sockets', said.sockets),
  processes: whole('processes', said.processes),
  skus: whole('skus', said.skus),
  stockPerSku: whole('stock', said.stock ?? (steady ? '5000000' : '100')),
  limitPerBuyer: said.limit === undefined ? (steady ? undefined : 2) : whole('limit', said.limit),
  rushMs: whole('rush-ms', said['rush-ms']),
  durationMs: whole('duration-ms', said['duration-ms']),
  inFlight: whole('in-flight', said['in-flight']),
  killOwnerAfterMs: wholeIfSaid('kill-owner-after-ms'),
  drainOwnerAfterMs: wholeIfSaid('drain-owner-after-ms'),
}

let lastLine = ''
const say = said.json ? () => undefined : (line: string) => console.log(line)
const ground = await openGround({
  nodes: whole('nodes', said.nodes),
  onStep: say,
  onLog: (line) => console.error(line),
})
let result: StormResult
try {
  result = await storm(ground, options, said.json ? () => undefined : showProgress)
} finally {
  await ground.close()
}

if (!said.json && process.stdout.isTTY) process.stdout.write('\r\x1b[K')
report(`Storm (${options.form}), ${options.sockets} sockets`, stormRows(result), result, {
  json: said.json,
  out: said.out,
})

function showProgress({ phase, watching, accepted, confirmed, refused }: Progress): void {
  const line = `${phase.padEnd(9)}  watching ${watching}  accepted ${accepted}  confirmed ${confirmed}  refused ${refused}`
  if (line === lastLine) return

  lastLine = line
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`)
  else if (Math.random() < 0.1) console.log(line)
}

function wholeIfSaid(name: 'kill-owner-after-ms' | 'drain-owner-after-ms'): number | undefined {
  const text = said[name]
  return text === undefined ? undefined : whole(name, text)
}

function whole(name: string, text: string): number {
  const figure = Number(text)
  if (Number.isInteger(figure) && figure >= 0) return figure

  console.error(`--${name} takes a whole number, not ${JSON.stringify(text)}`)
  process.exit(2)
}
