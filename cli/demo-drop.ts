/** The drop that the demo leaves open, so that a person can order from it by hand. */
import { randomUUID } from 'node:crypto'
import { isUserId } from '../protocol/ids.ts'
import type { Tokens } from '../server/inbound/tokens.ts'
import { call } from './rest.ts'

const SKU = 'POSTER'
const UNITS = 25

export async function demoDrop(
  url: string,
  tokens: Tokens,
  tokenTtlMs: number,
): Promise<{ drop: string; sku: string; creatorToken: string }> {
  const account = {
    email: `mia-${randomUUID()}@example.com`,
    password: randomUUID(),
    displayName: 'Mia',
    role: 'creator',
  }
  const signedIn = (await call({ url, token: '' }, 'POST', '/v1/auth/register', account)) as { user: { id: string } }
  const user = signedIn.user.id
  if (!isUserId(user)) throw new Error(`registered as ${user}, which is not a user id`)

  const { token } = await tokens.issue({ user, role: 'creator' }, tokenTtlMs)
  const creator = { url, token }
  const variants = [{ sku: SKU, title: 'Signed poster', priceMinor: 2_500, currency: 'EUR' }]
  const product = (await call(creator, 'POST', '/v1/products', {
    ...{ title: 'Signed poster', description: 'One of a few', images: [], variants },
  })) as { id: string }
  const drop = (await call(creator, 'POST', '/v1/drops', {
    productId: product.id,
    opensAt: new Date(Date.now() + 60_000).toISOString(),
    items: [{ sku: SKU, stock: UNITS }],
    limitPerBuyer: 5,
  })) as { id: string }
  await call(creator, 'POST', `/v1/drops/${drop.id}/open`)
  return { drop: drop.id, sku: SKU, creatorToken: token }
}
