/**
 * Power cuts by the dozen: `npm run powercut -- [--rounds 12] [--durability all | redis_every_second | postgres_later]`.
 *
 * Of one store alone with `--only redis | nats | postgres`; it then stays away for `--down` seconds, while `--orders` a
 * second go on: `--only postgres --rounds 1 --down 180 --orders 2000`.
 */
import { parseArgs } from 'node:util'
import { SERVER_NAMES } from '../../stack/server-name.ts'
import { whyNoDisk } from './cuttable-disk.ts'
import { DURABILITIES, PoweredHost } from './host.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    durability: { type: 'string', default: 'all' },
    only: { type: 'string' },
    down: { type: 'string', default: '0' },
    orders: { type: 'string' },
  },
})
const durability = DURABILITIES.find((name) => name === values.durability)
const only = SERVER_NAMES.find((name) => name === values.only)
const objection =
  durability === undefined
    ? `--durability is one of ${DURABILITIES.join(', ')}`
    : values.only !== only
      ? `--only is one of ${SERVER_NAMES.join(', ')}`
      : whyNoDisk()

if (durability === undefined || objection !== undefined) {
  console.error(objection)
  process.exitCode = 2
} else {
  const host = await PoweredHost.start(only)
  try {
    const sum = {
      rounds: 0,
      accepted: 0,
      confirmed: 0,
      open: 0,
      confirmedGone: 0,
      lost: 0,
      lostConfirmed: 0,
      untold: 0,
    }
    for (; sum.rounds < Number(values.rounds); sum.rounds += 1) {
      const round = await host.round(durability, {
        downMs: Number(values.down) * 1_000,
        ...(values.orders === undefined ? {} : { ordersPerSecond: Number(values.orders) }),
      })
      console.log(JSON.stringify(round))
      for (const name of [
        'accepted',
        'confirmed',
        'open',
        'confirmedGone',
        'lost',
        'lostConfirmed',
        'untold',
      ] as const) {
        sum[name] += round[name]
      }
    }
    console.log(JSON.stringify(sum))
    if (durability === 'all' && sum.confirmedGone + sum.lost + sum.lostConfirmed > 0) process.exitCode = 1
  } finally {
    await host.stop()
  }
}
