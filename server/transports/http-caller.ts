/**
 * Who calls, and whether they may: by the bearer token and the row's word on it. A token anywhere else is no token.
 */
import type { WhoMay } from '../../protocol/api/endpoint.ts'
import { type Refusal, refuse } from '../api/refusal.ts'
import type { Identity } from '../inbound/session.ts'
import type { Tokens } from '../inbound/tokens.ts'

const DETAILS = {
  expired: 'the token has expired',
  invalid: 'the token is not valid',
  revoked: 'the token was revoked: sign in again',
  banned: 'this account is banned',
} as const

/** Undefined: nobody is asked who they are. */
export async function admitted(
  who: WhoMay,
  authorization: string | undefined,
  tokens: Pick<Tokens, 'verify'>,
): Promise<Identity | Refusal | undefined> {
  if (who === 'anyone') return undefined

  const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  if (token === undefined) return refuse('unauthorized', { detail: 'send a bearer token' })

  const identity = await tokens.verify(token)
  if (typeof identity === 'string') return refuse('unauthorized', { detail: DETAILS[identity] })
  if (who !== 'signed_in' && !who.includes(identity.role))
    return refuse('forbidden', { detail: `not as ${identity.role}` })
  return identity
}
