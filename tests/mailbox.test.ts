import { describe, expect, it } from 'vitest'
import type { ControlLetter, Letter, OrderLetter } from '../rooms/letters.ts'
import { Mailbox } from '../rooms/mailbox.ts'
import { ask, dropOf, nodeOf } from './builders/people.ts'

const drop = dropOf('one')

function order(name: string): OrderLetter {
  return { kind: 'order', claim: ask(drop, name), via: nodeOf('n1'), deadlineMs: 0, answer: () => undefined }
}

function control(opId: string): ControlLetter {
  const adjustment = { kind: 'phase', from: ['open'], to: 'paused' } as const
  return {
    kind: 'control',
    opId,
    adjustment: { ...adjustment, from: ['open'] },
    deadlineMs: 0,
    answer: () => undefined,
  }
}

function filled(letters: Letter[], limits = { capacity: 100, batchMax: 3 }): Mailbox {
  const mailbox = new Mailbox(limits)
  for (const letter of letters) mailbox.post(letter)
  return mailbox
}

describe('a mailbox', () => {
  it('[M1] gives letters in the order they came, orders together, a control alone', async () => {
    const [a, b, c, d] = [order('a'), order('b'), order('c'), order('d')]
    const pause = control('pause')

    const mailbox = filled([a, pause, b, c, d])
    const runs = [await mailbox.take(), await mailbox.take(), await mailbox.take()]

    expect(runs).toEqual([
      { kind: 'orders', letters: [a] },
      { kind: 'control', letter: pause },
      { kind: 'orders', letters: [b, c, d] },
    ])
    expect(mailbox.unread).toBe(0)
  })

  it('[M1] takes no more orders at a time than the ledger takes in a batch', async () => {
    const mailbox = filled(['a', 'b', 'c', 'd', 'e'].map(order))

    const first = await mailbox.take()
    const second = await mailbox.take()

    expect(first?.kind === 'orders' && first.letters).toHaveLength(3)
    expect(second?.kind === 'orders' && second.letters).toHaveLength(2)
  })

  it('[M1] keeps every letter through many fillings and takings', async () => {
    const mailbox = new Mailbox({ capacity: 10_000, batchMax: 7 })
    const posted = Array.from({ length: 1_000 }, (_, n) => order(`b${n}`))
    const taken: OrderLetter[] = []

    for (const [n, letter] of posted.entries()) {
      mailbox.post(letter)
      if (n % 5 !== 0) continue
      const run = await mailbox.take()
      if (run?.kind === 'orders') taken.push(...run.letters)
    }
    while (mailbox.unread > 0) {
      const run = await mailbox.take()
      if (run?.kind === 'orders') taken.push(...run.letters)
    }

    expect(taken).toEqual(posted)
  })

  it('[M2] says `full` at once, and takes letters again when there is room', async () => {
    const mailbox = filled([order('a'), order('b')], { capacity: 2, batchMax: 1 })

    expect(mailbox.post(order('c'))).toBe('full')
    await mailbox.take()

    expect(mailbox.post(order('c'))).toBe('accepted')
  })

  it('[M2] gives the unread back when it is closed, and lets a waiting reader go', async () => {
    const mailbox = new Mailbox({ capacity: 10, batchMax: 1 })
    const waiting = mailbox.take()

    expect(mailbox.close()).toEqual([])
    expect(await waiting).toBeUndefined()
    expect(mailbox.post(order('late'))).toBe('closed')

    const unread = [order('a'), order('b')]
    expect(filled(unread).close()).toEqual(unread)
  })
})
