/**
 * What the scripts answer, read back into the contract of rooms/ports.ts.
 *
 * Every word is checked. An answer that the contract does not know means that this code and the scripts in Redis disagree,
 * and then nothing may be told to a buyer: `ledger_corrupt`.
 */
import { Fault } from '../../protocol/faults.ts'
import type { Sku } from '../../protocol/ids.ts'
import { type Position, parsePosition } from '../../protocol/position.ts'
import { PHASES, type Phase } from '../../protocol/verdicts.ts'
import type {
  AdjustAnswer,
  BatchAnswer,
  ClaimResult,
  Copied,
  CopyAnswer,
  Fence,
  OpenAnswer,
  Refused,
} from '../../rooms/ports.ts'

export function readBatchAnswer(reply: unknown, fence: Fence, claims: number): BatchAnswer {
  const [answer, seq, now, phase, opensAt, left, verdicts] = listOf(reply)
  const refused = readRefused(answer, seq, now)
  if (refused !== undefined) return refused
  if (answer !== 'ok') throw corrupt('answer', answer)

  // Accepted claims take the next seqs in their order, so the script need not spell them.
  let lastSeq = fence.prevSeq
  const results = listOf(verdicts).map((word): ClaimResult => {
    if (word !== 'accepted') return readRefusal(word)
    lastSeq += 1
    return { verdict: 'accepted', position: { epoch: fence.epoch, seq: lastSeq } }
  })
  if (results.length !== claims) throw corrupt('verdicts', results.length)
  if (lastSeq !== numberOf(seq)) throw corrupt('seq', seq)

  return {
    answer: 'ok',
    seq: lastSeq,
    nowMs: numberOf(now),
    phase: phaseOf(phase),
    opensAtMs: numberOf(opensAt),
    left: leftOf(left),
    results,
  }
}

function readRefusal(word: unknown): ClaimResult {
  switch (word) {
    case 'sold_out':
    case 'limit_reached':
    case 'mismatch':
    case 'invalid':
    case 'early':
    case 'paused':
    case 'closed':
      return { verdict: word }
  }
  if (typeof word === 'string' && word.startsWith('duplicate ')) {
    return { verdict: 'duplicate', position: positionOf(word.slice('duplicate '.length)) }
  }
  throw corrupt('verdict', word)
}

export function readAdjustAnswer(reply: unknown): AdjustAnswer {
  const [answer, first, second, third, fourth, fifth] = listOf(reply)
  const refused = readRefused(answer, first, second)
  if (refused !== undefined) return refused

  switch (answer) {
    case 'applied':
      return { answer, ...momentOf(first, second, third, fourth), left: leftOf(fifth) }
    case 'repeated':
      return { answer, ...momentOf(first, second, third, fourth) }
    case 'wrong_phase':
      return { answer, phase: phaseOf(first), nowMs: numberOf(second), opensAtMs: numberOf(third) }
    case 'early':
      return { answer, opensAtMs: numberOf(first), nowMs: numberOf(second) }
  }
  // `unknown_sku`: Postgres has it and the room has not, so the two do not speak of the same drop.
  throw corrupt('adjust', `${answer} ${first}`)
}

function momentOf(position: unknown, now: unknown, phase: unknown, opensAt: unknown) {
  return {
    position: positionOf(position),
    nowMs: numberOf(now),
    phase: phaseOf(phase),
    opensAtMs: numberOf(opensAt),
  }
}

export function readOpenAnswer(reply: unknown): OpenAnswer {
  const [answer, epoch] = listOf(reply)
  switch (answer) {
    case 'opened':
    case 'no_lease':
    case 'no_room':
    case 'forgotten':
      return { answer }
    case 'fenced':
      return { answer, epoch: numberOf(epoch) }
  }
  throw corrupt('open', answer)
}

export function readCopyAnswer(reply: unknown): CopyAnswer {
  const [answer, epoch] = listOf(reply)
  switch (answer) {
    case 'copied':
    case 'goes_on':
    case 'forgotten':
      return { answer }
    case 'fenced':
      return { answer, epoch: numberOf(epoch) }
  }
  throw corrupt('copy', answer)
}

/** As room_copy.lua writes it. */
export function writeCopyHead({ position, batch, pages }: Copied): string {
  return `${position.epoch} ${position.seq} ${batch} ${pages}`
}

export function readCopyHead(head: string): Copied {
  const [epoch, seq, batch, pages] = head.split(' ').map(numberOf)
  if (epoch === undefined || seq === undefined || batch === undefined || pages === undefined) {
    throw corrupt('copy', head)
  }
  return { position: { epoch, seq }, batch, pages }
}

function readRefused(answer: unknown, detail: unknown, batch: unknown): Refused | undefined {
  switch (answer) {
    case 'no_room':
      return { answer }
    case 'fenced':
      return { answer, epoch: numberOf(detail) }
    case 'out_of_sequence':
      return { answer, seq: numberOf(detail), batch: numberOf(batch) }
  }
  return undefined
}

function leftOf(flat: unknown): { sku: Sku; left: number }[] {
  const values = listOf(flat)
  const left: { sku: Sku; left: number }[] = []
  for (let at = 0; at < values.length; at += 2) {
    left.push({ sku: String(values[at]) as Sku, left: numberOf(values[at + 1]) })
  }
  return left
}

export function positionOf(value: unknown): Position {
  const position = typeof value === 'string' ? parsePosition(value) : undefined
  if (position === undefined) throw corrupt('position', value)
  return position
}

/** Scripts answer Lua numbers as integers and stored values as text. */
export function numberOf(value: unknown): number {
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(number)) throw corrupt('number', value)
  return number
}

export function phaseOf(value: unknown): Phase {
  const phase = PHASES.find((known) => known === value)
  if (phase === undefined) throw corrupt('phase', value)
  return phase
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw corrupt('list', value)
  return value
}

export function corrupt(what: string, found: unknown): Fault {
  return new Fault('ledger_corrupt', { what, found: String(found).slice(0, 100) })
}
