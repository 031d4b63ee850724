/** Register, log in, stay signed in, log out here or everywhere, change the password, and who am I. */
import { changePassword, login, logout, me, readKeys, refresh, register } from '../../protocol/api/auth.ts'
import type { Account, Accounts } from '../../storage/accounts/accounts.ts'
import type { Begun, SignIns } from '../../storage/accounts/sign-ins.ts'
import type { StandingBook } from '../../storage/accounts/standings.ts'
import { neighbourhoodOf } from '../inbound/addresses.ts'
import type { PublicJwk } from '../inbound/key-ring.ts'
import type { Passwords } from '../inbound/passwords.ts'
import type { SignInGuard } from '../inbound/sign-in-guard.ts'
import type { Standings } from '../inbound/standings.ts'
import type { Tokens } from '../inbound/tokens.ts'
import { isoTime } from './iso-time.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'
import { answer, type Route, route } from './route.ts'

export interface AuthWorld {
  accounts: Pick<Accounts, 'create' | 'byEmail' | 'byId' | 'passwordHashOf'>
  passwords: Pick<Passwords, 'hash' | 'verify'>
  tokens: Pick<Tokens, 'issue' | 'issues'>
  signIns: Pick<SignIns, 'begin' | 'renew' | 'end' | 'endEverywhere'>
  signInGuard: Pick<SignInGuard, 'take' | 'placeOf' | 'welcome'>
  standingBook: Pick<StandingBook, 'changePassword'>
  standings: Pick<Standings, 'tell'>
  publicKeys: () => PublicJwk[]
}

export function authRoutes(world: AuthWorld): Route[] {
  const { accounts, passwords, tokens, signIns, signInGuard, standingBook, standings, publicKeys } = world

  /** Undefined: tokens are issued here. */
  const elsewhere = (): Refusal | undefined =>
    tokens.issues ? undefined : refuse('conflict', { detail: 'sign in at the issuer of the tokens, not here' })

  const signIn = async (account: Account, passwordHash: string) => {
    const begun = await signIns.begin(account.userId, passwordHash)
    return begun === undefined ? refuse('unauthorized', { detail: 'sign in again' }) : signedIn(account, begun)
  }

  const signedIn = async ({ userId, email, displayName }: Account, { role, ...kept }: Begun) => {
    const { token, expiresAtMs } = await tokens.issue({ user: userId, role, standing: kept.standing })
    return {
      ...{ token, expiresAt: isoTime(expiresAtMs) },
      ...{ refreshToken: kept.refreshToken, refreshExpiresAt: isoTime(kept.expiresAtMs) },
      user: { id: userId, email, displayName, role },
    }
  }

  return [
    route(register, async ({ body: { email, password, displayName, role }, network }) => {
      const refusal = elsewhere()
      if (refusal !== undefined) return refusal

      const stranger = { neighbourhood: neighbourhoodOf(network), isKnown: false }
      const passwordHash = await passwords.hash(password, stranger)
      const account = await accounts.create({ email, passwordHash, displayName, role })
      if (account === 'email_taken') return refuse('conflict', { detail: 'this e-mail address has an account already' })

      const said = await signIn(account, passwordHash)
      return isRefusal(said) ? said : answer(201, said)
    }),

    route(login, async ({ body: { email, password }, network }) => {
      const refusal = elsewhere()
      if (refusal !== undefined) return refusal

      const waitMs = await signInGuard.take(email, network)
      if (waitMs > 0) return refuse('rate_limited', { retryAfterMs: waitMs, detail: 'too many attempts from here' })

      const place = await signInGuard.placeOf(email, network)
      const account = await accounts.byEmail(email)
      const right = await passwords.verify(account?.passwordHash, password, place)
      if (account === undefined || account.passwordHash === null || !right) return wrongPassword()
      if (account.isBanned) return refuse('forbidden', { detail: 'this account is banned' })

      const said = await signIn(account, account.passwordHash)
      if (isRefusal(said)) return said

      signInGuard.welcome(email, network)
      return answer(200, said)
    }),

    route(refresh, async ({ body: { refreshToken } }) => {
      const refusal = elsewhere()
      if (refusal !== undefined) return refusal

      const renewed = await signIns.renew(refreshToken)
      if (renewed !== 'unknown' && 'account' in renewed) {
        return answer(200, await signedIn(renewed.account, renewed.refresh))
      }
      if (renewed !== 'unknown') standings.tell(renewed.reused)
      // Ended, reused and never given out are answered alike: a thief learns nothing.
      return refuse('unauthorized', { detail: 'sign in again' })
    }),

    route(logout, async ({ body: { refreshToken, everywhere } }) => {
      if (everywhere === true) {
        const standing = await signIns.endEverywhere(refreshToken)
        if (standing !== undefined) standings.tell(standing)
      } else await signIns.end(refreshToken)
      return answer(200, { signedIn: false })
    }),

    route(me, async ({ caller }) => {
      const account = await accounts.byId(caller.user)
      if (account === undefined) return gone()

      const { userId, email, displayName, role } = account
      return answer(200, { id: userId, email, displayName, role })
    }),

    route(changePassword, async ({ body: { password, newPassword }, caller, network }) => {
      const refusal = elsewhere()
      if (refusal !== undefined) return refusal

      const waitMs = await signInGuard.take(caller.user, network)
      if (waitMs > 0) return refuse('rate_limited', { retryAfterMs: waitMs, detail: 'too many attempts from here' })

      const oldHash = await accounts.passwordHashOf(caller.user)
      const place = { neighbourhood: neighbourhoodOf(network), isKnown: true }
      if (!(await passwords.verify(oldHash, password, place)) || oldHash === undefined) return wrongPassword()

      const newHash = await passwords.hash(newPassword, place)
      const standing = await standingBook.changePassword(caller.user, oldHash, newHash)
      if (standing === undefined) return wrongPassword()

      standings.tell(standing)
      const account = await accounts.byId(caller.user)
      const said = account === undefined ? gone() : await signIn(account, newHash)
      return isRefusal(said) ? said : answer(200, said)
    }),

    route(readKeys, async () => answer(200, { keys: publicKeys() })),
  ]
}

function wrongPassword(): Refusal {
  return refuse('invalid_credentials', { detail: 'e-mail or password is wrong' })
}

/** The token is good and its account is gone: to the caller that is a token that is no longer good. */
function gone(): Refusal {
  return refuse('unauthorized', { detail: 'the account is gone' })
}
