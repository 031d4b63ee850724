/** The line to Postgres is cut in every moment of a transaction: nobody dies of it, and the pool is whole again at once. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { answered, connectPostgres, type Postgres } from '../storage/postgres.ts'
import { Gate } from './nemesis/gate.ts'

const CONNECTIONS = 4
let gate: Gate
let postgres: Postgres
const surprises: unknown[] = []
const note = (cause: unknown) => void surprises.push(cause)

beforeAll(async () => {
  const url = new URL(inject('databaseUrl'))
  gate = await Gate.open(Number(url.port))
  url.port = String(gate.port)
  postgres = connectPostgres(url.href, { max: CONNECTIONS, name: 'cut' })
  process.on('uncaughtException', note)
})
afterEach(() => {
  expect(surprises.splice(0)).toEqual([])
})
afterAll(async () => {
  process.off('uncaughtException', note)
  await postgres.close()
  await gate.close()
})

const turn = () => new Promise((resolve) => setImmediate(resolve))
const some = async (turns: number) => {
  for (let n = 0; n < turns; n += 1) await turn()
}

describe('a line to Postgres that is cut', () => {
  it('[EE7] in the middle of a statement of a transaction ends the transaction, and not the process', async () => {
    const cut = answered(
      postgres.sql.begin(async (tx) => {
        const slow = tx`select pg_sleep(5)`
        setTimeout(() => gate.cutAll(), 50)
        await slow
      }),
    )

    await expect(cut).rejects.toMatchObject({ code: 'unavailable' })
    await some(20)
  })

  it('[EE7] between two statements of a transaction lets no later one pass', async () => {
    let went = 'nowhere'
    let goOn: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const cut = answered(
      postgres.sql.begin(async (tx) => {
        await tx`select 1`
        gate.cutAll()
        await held
        await tx`select 2`
        went = 'on'
      }),
    )

    await expect(cut).rejects.toMatchObject({ code: 'unavailable' })
    goOn()
    await some(20)
    expect(went).toBe('nowhere')
    expect(await postgres.sql`select 3 as three`).toEqual([{ three: 3 }])
  })

  it('[EE8] leaves no connection of the pool behind, at whatever moment it comes', async () => {
    for (let round = 0; round < 40; round += 1) {
      const asked = Array.from({ length: CONNECTIONS * 2 }, async (_, at) => {
        await some((round + at) % 7)
        if (at % 3 === 0) return postgres.sql.begin((tx) => tx`select ${at}::int`)
        return postgres.sql`select ${at}::int`
      })
      const all = Promise.allSettled(asked)
      await some(round % 11)
      gate.cutAll()
      await all
    }

    // As many at once as there are connections, so that each has to answer; a stuck one takes 3 s and more.
    const startedMs = performance.now()
    const answers = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => postgres.sql`select pg_sleep(0.05)`.then(() => 'answered', String)),
    )
    expect(answers).toEqual(Array.from({ length: CONNECTIONS }, () => 'answered'))
    expect(performance.now() - startedMs).toBeLessThan(2_500)
  })
})
