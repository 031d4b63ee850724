/** `livedrop token`: signs an access token with the installation's own secret. For trying things and for load tests. */
import { randomUUID } from 'node:crypto'
import { defineCommand } from 'citty'
import { isUserId, type UserId } from '../protocol/ids.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { BadCall, orFail } from './outcome.ts'
import { configOf, dataArg, jsonArg } from './settings.ts'

const ROLES = ['fan', 'creator', 'admin'] as const

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
      if (!(hours > 0 && hours <= 24 * 365)) throw new BadCall('--hours is a number above 0')

      const tokens = new Tokens(configOf(args.data).jwtSecret)
      const issued = await tokens.issue({ user: user as UserId, role }, hours * 3_600_000)
      console.log(args.json ? JSON.stringify({ user, role, ...issued }) : issued.token)
    }),
})
