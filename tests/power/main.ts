/** Power cuts by the dozen: `npm run powercut -- [--rounds 12] [--durability all | redis_every_second | postgres_later]`. */
import { parseArgs } from 'node:util'
import { whyNoDisk } from './cuttable-disk.ts'
import { DURABILITIES, PoweredHost } from './host.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '12' }, durability: { type: 'string', default: 'all' } },
})
const durability = DURABILITIES.find((name) => name === values.durability)
const missing = durability === undefined ? `--durability is one of ${DURABILITIES.join(', ')}` : whyNoDisk()

if (durability === undefined || missing !== undefined) {
  console.error(missing)
  process.exitCode = 2
} else {
  const host = await PoweredHost.start()
  try {
    const sum = { rounds: 0, accepted: 0, confirmed: 0, confirmedGone: 0, lost: 0, lostConfirmed: 0, untold: 0 }
    for (; sum.rounds < Number(values.rounds); sum.rounds += 1) {
      const round = await host.round(durability)
      console.log(JSON.stringify(round))
      for (const name of ['accepted', 'confirmed', 'confirmedGone', 'lost', 'lostConfirmed', 'untold'] as const) {
        sum[name] += round[name]
      }
    }
    console.log(JSON.stringify(sum))
    if (durability === 'all' && sum.confirmedGone + sum.lost + sum.lostConfirmed > 0) process.exitCode = 1
  } finally {
    await host.stop()
  }
}
