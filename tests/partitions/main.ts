/** Partitions, also longer ones than the suite has time for: `npm run partitions -- [--storm NAME] [--rounds 3] [--log FILE]`. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { HurtableWorld } from '../nemesis/world.ts'
import { whyNoNetworks } from './node-network.ts'
import { figuresOf, STORM_NAMES, STORMS, weather } from './storms.ts'

const { values } = parseArgs({
  options: {
    storm: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '1' },
    log: { type: 'string' },
  },
})
const storms = STORM_NAMES.filter((name) => values.storm === undefined || values.storm.includes(name))
const missing = storms.length === 0 ? `--storm is one of ${STORM_NAMES.join(', ')}` : whyNoNetworks()

if (missing !== undefined) {
  console.error(missing)
  process.exitCode = 2
} else {
  const log: string[] = []
  const world = await HurtableWorld.open({ nodes: 3, apart: true, onLog: (line) => log.push(line) })
  try {
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const name of storms) {
        const weathered = await weather(world, STORMS[name], log)
        console.log(figuresOf(name, weathered))
        for (const rule of weathered.run.broken) console.log(`  BROKEN ${rule}`)
        if (weathered.run.broken.length > 0) process.exitCode = 1
      }
    }
  } finally {
    await world.close()
    if (values.log !== undefined) writeFileSync(values.log, log.join('\n'))
  }
}
