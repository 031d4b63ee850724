/**
 * `livedrop role <e-mail> <role>`: gives an account a role. How the first administrator comes to be: register, then this.
 *
 * It is written into the book of actions as done by the command line; nodes know it within a second, from Postgres.
 */
import { defineCommand } from 'citty'
import { ROLES } from '../protocol/api/endpoint.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { StandingBook } from '../storage/accounts/standings.ts'
import { connectPostgres } from '../storage/postgres.ts'
import { BadCall, orFail } from './outcome.ts'
import { dataArg, databaseUrlOf } from './settings.ts'

export const roleCommand = defineCommand({
  meta: { name: 'role', description: 'Give an account a role: how the first admin comes to be' },
  args: {
    email: { type: 'positional', description: 'Of an account that exists', required: true },
    role: { type: 'positional', description: ROLES.join(', '), required: true },
    reason: { type: 'string', description: 'Kept in the book of actions' },
    data: dataArg,
  },
  run: ({ args }) =>
    orFail(async () => {
      const role = ROLES.find((one) => one === args.role)
      if (role === undefined) throw new BadCall(`the role is one of ${ROLES.join(', ')}`)

      const { sql, close } = connectPostgres(databaseUrlOf(args.data), { max: 1, name: 'livedrop-role' })
      try {
        const account = await new Accounts(sql).byEmail(args.email)
        if (account === undefined) throw new BadCall(`no account has the e-mail address ${args.email}`)

        await new StandingBook(sql).changeRole(null, account.userId, role, args.reason ?? null)
        console.log(`${account.email} is ${role}`)
      } finally {
        await close()
      }
    }),
})
