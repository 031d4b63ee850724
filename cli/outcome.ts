/** How every command ends: with a value, or with one line for the person who called it. */

import { Fault } from '../protocol/faults.ts'
import { StackFault } from '../stack/faults.ts'

/** Runs a command's work. What it throws becomes a line on stderr and an exit code that is not 0. */
export async function orFail(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    console.error(`livedrop: ${lineOf(cause)}`)
    process.exitCode = cause instanceof StackFault ? cause.exitCode : 1
  }
}

/** A call that cannot be understood: said, and exit code 2. */
export class BadCall extends StackFault {
  override readonly exitCode = 2
}

function lineOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (!(cause instanceof Fault)) return cause.message

  const isSaid = (value: unknown) => [value].flat().every((one) => cause.message.includes(String(one)))
  const facts = Object.entries(cause.facts).flatMap(([name, value]) =>
    isSaid(value) ? [] : `${name} ${String(value)}`,
  )
  return facts.length === 0 ? cause.message : `${cause.message} (${facts.join(', ')})`
}
