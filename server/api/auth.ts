/** Register, log in, stay signed in, log out, and who am I. */
import { login, logout, me, refresh, register } from '../../protocol/api/auth.ts'
import type { Account, Accounts } from '../../storage/accounts/accounts.ts'
import type { IssuedRefresh, SignIns } from '../../storage/accounts/sign-ins.ts'
import type { Passwords } from '../inbound/passwords.ts'
import type { SignInGuard } from '../inbound/sign-in-guard.ts'
import type { Tokens } from '../inbound/tokens.ts'
import { isoTime } from './iso-time.ts'
import { refuse } from './refusal.ts'
import { answer, type Route, route } from './route.ts'

export interface AuthWorld {
  accounts: Pick<Accounts, 'create' | 'byEmail' | 'byId'>
  passwords: Pick<Passwords, 'hash' | 'verify'>
  tokens: Pick<Tokens, 'issue'>
  signIns: Pick<SignIns, 'begin' | 'renew' | 'end'>
  signInGuard: Pick<SignInGuard, 'take'>
}

export function authRoutes({ accounts, passwords, tokens, signIns, signInGuard }: AuthWorld): Route[] {
  const signIn = async (account: Account) => signedIn(account, await signIns.begin(account.userId))

  const signedIn = async ({ userId, email, displayName, role }: Account, kept: IssuedRefresh) => {
    const { token, expiresAtMs } = await tokens.issue({ user: userId, role })
    return {
      ...{ token, expiresAt: isoTime(expiresAtMs) },
      ...{ refreshToken: kept.refreshToken, refreshExpiresAt: isoTime(kept.expiresAtMs) },
      user: { id: userId, email, displayName, role },
    }
  }

  return [
    route(register, async ({ body: { email, password, displayName, role } }) => {
      const passwordHash = await passwords.hash(password)
      const account = await accounts.create({ email, passwordHash, displayName, role })
      if (account === 'email_taken') return refuse('conflict', { detail: 'this e-mail address has an account already' })

      return answer(201, await signIn(account))
    }),

    route(login, async ({ body: { email, password }, network }) => {
      const waitMs = await signInGuard.take(email, network)
      if (waitMs > 0) return refuse('rate_limited', { retryAfterMs: waitMs, detail: 'too many attempts from here' })

      const account = await accounts.byEmail(email)
      const right = await passwords.verify(account?.passwordHash, password)
      if (account === undefined || !right) {
        return refuse('invalid_credentials', { detail: 'e-mail or password is wrong' })
      }
      return answer(200, await signIn(account))
    }),

    route(refresh, async ({ body: { refreshToken } }) => {
      const renewed = await signIns.renew(refreshToken)
      // Ended, reused and never given out are answered alike: a thief learns nothing.
      if (typeof renewed === 'string') return refuse('unauthorized', { detail: 'sign in again' })

      return answer(200, await signedIn(renewed.account, renewed.refresh))
    }),

    route(logout, async ({ body: { refreshToken } }) => {
      await signIns.end(refreshToken)
      return answer(200, { signedIn: false })
    }),

    route(me, async ({ caller }) => {
      const account = await accounts.byId(caller.user)
      // The token is good and its account is gone: to the caller that is a token that is no longer good.
      if (account === undefined) return refuse('unauthorized', { detail: 'the account is gone' })

      const { userId, email, displayName, role } = account
      return answer(200, { id: userId, email, displayName, role })
    }),
  ]
}
