/** Who gets a turn when more come with a password than can be computed. */
import { describe, expect, it } from 'vitest'
import { apiRoutes } from '../server/api/routes.ts'
import { type InLine, PasswordLine } from '../server/inbound/password-line.ts'
import type { Passwords } from '../server/inbound/passwords.ts'
import { httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'

const stranger = (neighbourhood: string): InLine => ({ neighbourhood, isKnown: false })
const friend = (neighbourhood: string): InLine => ({ neighbourhood, isKnown: true })

/** A line whose work ends when the test says so: what has run, and who was refused, in order. */
function lineOf(waitingMax: number) {
  const line = new PasswordLine({ runningMax: 1, waitingMax })
  const [ran, refused]: [string[], string[]] = [[], []]
  const ends: (() => void)[] = []
  const come = (name: string, who: InLine) => {
    const work = () => {
      ran.push(name)
      return new Promise<void>((resolve) => ends.push(resolve))
    }
    line.inTurn(who, work).catch(() => refused.push(name))
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  const turns = async (count: number) => {
    for (let at = 0; at < count; at += 1) {
      ends.shift()?.()
      await settle()
    }
  }
  return { ran, refused, come, turns, settle }
}

describe('the line', () => {
  it('[KK15] takes in whoever is known while thousands of strangers come from as many places', async () => {
    const { ran, refused, come, turns, settle } = lineOf(64)
    for (let at = 0; at < 5_000; at += 1) come(`stranger ${at}`, stranger(`net ${at}`))
    for (let at = 0; at < 20; at += 1) come(`friend ${at}`, friend(`home ${at}`))
    for (let at = 0; at < 5_000; at += 1) come(`later ${at}`, stranger(`elsewhere ${at}`))
    await settle()

    expect(refused.filter((name) => name.startsWith('friend'))).toEqual([])
    expect(refused).toHaveLength(10_020 - 65)
    await turns(26)
    const friends = ran.filter((name) => name.startsWith('friend'))
    expect(friends).toEqual(Array.from({ length: 20 }, (_, at) => `friend ${at}`))
    // And every fourth turn was a stranger's.
    expect(ran.slice(1, 9).map((name) => name.split(' ')[0])).toEqual([
      ...['friend', 'friend', 'friend', 'stranger'],
      ...['friend', 'friend', 'friend', 'stranger'],
    ])
  })

  it('[KK15] lets no neighbourhood have all the places', async () => {
    const { ran, refused, come, turns, settle } = lineOf(6)
    for (let at = 0; at < 100; at += 1) come(`flood ${at}`, stranger('203.0.113'))
    for (const name of ['ana', 'ben', 'cem']) come(name, stranger(`home of ${name}`))
    for (const name of ['ana again', 'ana once more']) come(name, stranger('home of ana'))
    await settle()

    expect(refused.filter((name) => !name.startsWith('flood'))).toEqual(['ana once more'])
    await turns(7)
    expect(ran).toEqual(['flood 0', 'flood 1', 'flood 2', 'ana', 'ben', 'cem', 'ana again'])
  })

  it('[KK15] shares the places of the known among their neighbourhoods too', async () => {
    const { ran, refused, come, turns, settle } = lineOf(4)
    for (let at = 0; at < 50; at += 1) come(`bought ${at}`, friend('203.0.113'))
    come('ana', friend('198.51.100'))
    come('a stranger', stranger('192.0.2'))
    await settle()

    expect(refused).toContain('a stranger')
    await turns(4)
    expect(ran).toEqual(['bought 0', 'bought 1', 'bought 2', 'bought 3', 'ana'])
  })

  it('[T7] goes on after work that failed, and is bounded', async () => {
    const line = new PasswordLine({ runningMax: 1, waitingMax: 1 })
    const who = stranger('a')

    const failed = line.inTurn(who, () => Promise.reject(new Error('not a hash')))
    const next = line.inTurn(who, async () => 'next')
    await expect(line.inTurn(who, async () => 'one too many')).rejects.toMatchObject({ code: 'overloaded' })

    await expect(failed).rejects.toThrow('not a hash')
    expect(await next).toBe('next')
    expect(await line.inTurn(who, async () => 'free')).toBe('free')
  })
})

describe('signing in', () => {
  it('[KK15] waits where the account is known from, registering as a stranger, and is remembered when it was right', async () => {
    const { world, tokens } = restWorld()
    const places: [string, InLine | undefined][] = []
    const welcomed: string[] = []
    const passwords: Pick<Passwords, 'hash' | 'verify'> = {
      hash: async (password, who) => {
        places.push(['hash', who])
        return `hash of ${password}`
      },
      verify: async (kept, password, who) => {
        places.push(['verify', who])
        return kept === `hash of ${password}`
      },
    }
    const signInGuard = {
      ...world.signInGuard,
      placeOf: async (email: string) => friend(`where ${email} was`),
      welcome: (email: string) => void welcomed.push(email),
    }
    const node = await httpNode({ routes: apiRoutes({ ...world, passwords, signInGuard }), tokens })
    const ana = { email: 'ana@example.com', password: 'correct horse' }

    await node.call('POST', '/v1/auth/register', { body: { ...ana, displayName: 'Ana', role: 'fan' } })
    const wrong = await node.call('POST', '/v1/auth/login', { body: { ...ana, password: 'correct mouse' } })
    const right = await node.call('POST', '/v1/auth/login', { body: ana })
    node.close()

    expect([wrong.status, right.status]).toEqual([401, 200])
    const known = friend('where ana@example.com was')
    expect(places).toEqual([
      ['hash', stranger('127.0.0')],
      ['verify', known],
      ['verify', known],
    ])
    expect(welcomed).toEqual(['ana@example.com'])
  })
})
