/** The whole life of a drop by hand, over two real nodes: changed, opened, restocked, given back, cancelled, and proven. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Ground, openGround } from '../bench/ground.ts'

let ground: Ground
beforeAll(async () => {
  ground = await openGround({ nodes: 2 })
}, 60_000)
afterAll(() => ground.close(), 30_000)

/** By either node; a resend after a 503, under the same key, as a client does it. */
async function ask(node: number, method: string, path: string, token: string, body?: object, key = 'k') {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': key }
  for (;;) {
    const answer = await fetch(`${ground.urls[node]}${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(10_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (answer.status !== 503) return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
}

describe('a drop by hand', () => {
  it('[E1, E4, E9, E14] is right in both stores at every step', { timeout: 60_000 }, async () => {
    const { creatorToken: creator, stores } = ground
    const tokens = await ground.fanTokens(3)
    const drop = await ground.creator.createDrop({
      ...{ skus: ['S-1'], stockPerSku: 1, limitPerBuyer: 2, opensAt: new Date(Date.now() + 600_000) },
    })
    const order = (who: number, key: string) =>
      ask(who % 2, 'POST', `/v1/drops/${drop}/orders`, tokens[who] ?? '', { lines: [{ sku: 'S-1', qty: 2 }] }, key)
    const control = (node: number, what: string, body?: object) =>
      ask(node, 'POST', `/v1/drops/${drop}/${what}`, creator, body, what)
    const left = async () => (await ask(1, 'GET', `/v1/drops/${drop}`, '')).body.items[0]
    const audited = () =>
      vi.waitFor(
        async () => {
          const findings = await stores.audit(drop)
          expect(findings.filter((finding) => !finding.ok)).toEqual([])
          expect(findings.find((finding) => finding.rule === 'I3')?.figures).toMatchObject({ quiet: 1 })
        },
        { timeout: 15_000, interval: 200 },
      )

    // An early order wakes the room of the old plan; the change holds all the same.
    expect((await order(0, 'early')).body.code).toBe('early')
    const changed = await ask(1, 'PATCH', `/v1/drops/${drop}`, creator, { items: [{ sku: 'S-1', stock: 3 }] })
    expect(changed).toMatchObject({ status: 200, body: { items: [{ stock: 3 }] } })

    expect((await control(0, 'open')).status).toBe(200)
    expect((await order(0, 'a')).status).toBe(201)
    expect((await order(1, 'a')).body.code).toBe('sold_out')
    expect(await control(1, 'restock', { lines: [{ sku: 'S-1', qty: 2 }] })).toMatchObject({ status: 200 })
    expect((await control(0, 'restock', { lines: [{ sku: 'S-1', qty: 2 }] })).body.repeated).toBe(true)
    expect(await left()).toMatchObject({ stock: 5, left: 3 })
    const second = await order(1, 'a')
    expect(second.status).toBe(201)
    await audited()

    const path = `/v1/orders/${second.body.orderId}/cancel`
    expect((await ask(0, 'POST', path, tokens[2] ?? '')).status).toBe(404)
    expect((await ask(0, 'POST', path, tokens[1] ?? '')).body).toMatchObject({ state: 'cancelled', repeated: false })
    expect((await ask(1, 'POST', path, tokens[1] ?? '')).body).toMatchObject({ state: 'cancelled', repeated: true })
    expect(await left()).toMatchObject({ stock: 5, left: 3 })
    expect((await order(1, 'a')).body).toMatchObject({ verdict: 'duplicate', state: 'cancelled' })
    expect((await order(1, 'b')).status).toBe(201)
    await audited()

    expect((await control(1, 'cancel')).body.phase).toBe('cancelled')
    await vi.waitFor(
      async () => {
        const { body } = await ask(0, 'GET', `/v1/drops/${drop}/orders?state=cancelled`, creator)
        expect(body.items).toHaveLength(3)
      },
      { timeout: 15_000, interval: 200 },
    )
    expect((await order(2, 'a')).body.code).toBe('closed')
    await audited()
  })
})
