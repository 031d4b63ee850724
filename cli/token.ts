/** `livedrop token`: signs an access token with the installation's own secret. For trying things and for load tests. */
import { randomUUID } from 'node:crypto'
import { defineCommand } from 'citty'
import { ROLES } from '../protocol/api/endpoint.ts'
import { isUserId, type UserId } from '../protocol/ids.ts'
import { KeyRing } from '../server/inbound/key-ring.ts'
import { TOKEN_AGE_MAX_MS, Tokens } from '../server/inbound/tokens.ts'
import { BadCall, orFail } from './outcome.ts'
import { configOf, dataArg, jsonArg } from './settings.ts'

const HOURS_MAX = TOKEN_AGE_MAX_MS / 3_600_000

export const tokenCommand = defineCommand({
  meta: { name: 'token', description: 'Sign an access token' },
  args: {
    user: { type: 'string', description: 'User id (UUID); a new one if not given' },
    role: { type: 'string', description: ROLES.join(', '), default: 'fan' },
    hours: { type: 'string', description: 'How long it is good', default: '2' },
    data: dataArg,
    json: jsonArg,
  },
  run: ({ args }) =>
    orFail(async () => {
      const role = ROLES.find((one) => one === args.role)
      const user = args.user ?? randomUUID()
      const hours = Number(args.hours)
      if (role === undefined) throw new BadCall(`--role is one of ${ROLES.join(', ')}`)
      if (!isUserId(user)) throw new BadCall('--user is a lower-case UUID')
      if (!(hours > 0 && hours <= HOURS_MAX)) throw new BadCall(`--hours is a number above 0, at most ${HOURS_MAX}`)

      const config = configOf(args.data)
      if (config.issuer !== undefined) throw new BadCall('LIVEDROP_JWKS_URL is set: tokens are signed by that issuer')

      const tokens = new Tokens(new KeyRing(config.keys))
      const issued = await tokens.issue({ user: user as UserId, role }, hours * 3_600_000)
      console.log(args.json ? JSON.stringify({ user, role, ...issued }) : issued.token)
    }),
})
