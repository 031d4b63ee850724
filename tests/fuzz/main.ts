/** The long run: `npm run fuzz -- --seconds 60 [--seed N] [--target NAME]`, so many seconds for each reader. */
import { parseArgs } from 'node:util'
import { fuzz } from './run.ts'
import { TARGETS } from './targets.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    target: { type: 'string' },
  },
})
const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target)
if (targets.length === 0) throw new RangeError(`targets: ${TARGETS.map(({ name }) => name).join(', ')}`)

for (const target of targets) {
  const run = await fuzz(target, Number(values.seed), Number(values.seconds) * 1_000)
  const cost = run.slowestMs === 0 ? 'none above 1 ms' : `slowest ${run.slowestMs.toFixed(1)} ms: ${run.slowest}`
  console.log(`${run.target}: seed ${run.seed}, ${run.inputs} inputs, ${run.kinds} kinds of answers, ${cost}`)
  for (const { input, why } of run.found)
    console.log(`  FOUND ${input.slice(0, 400)}\n    ${why.split('\n').slice(0, 12).join('\n    ')}`)
  if (run.found.length > 0) process.exitCode = 1
}
