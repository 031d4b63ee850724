/**
 * Transactions that survive the end of their line.
 *
 * The library answers a failed transaction with `rollback`, also on a line that has ended: it then writes to nothing, and
 * the error is nobody's and ends the process. Or the pool has a new line under the same name by then, and a late statement
 * of the old transaction is carried out alone on it, or ends somebody else's. So a transaction whose line has ended says
 * nothing more: its statements throw here, and its end is left to the library, which refuses it by itself.
 */
import type { Sql, Transaction } from './postgres.ts'

type Work = (tx: Transaction) => unknown

/** Gives `sql` a `begin` that can be trusted. */
export function withSafeTransactions(sql: Sql): Sql {
  const begin = sql.begin.bind(sql) as (...args: unknown[]) => Promise<unknown>

  const beginSafely = (...args: [Work] | [string, Work]): Promise<unknown> => {
    const work = args.at(-1) as Work
    let hasEnded = false
    const begun = begin(...args.slice(0, -1), async (tx: Transaction) => {
      try {
        return await work(refusing(tx, () => hasEnded))
      } catch (cause) {
        if (!hasEnded && !endsTheLine(cause)) throw cause
        // Never settled: to settle it is to make the library say `rollback`. The end of the line settles the whole.
        return new Promise(() => undefined)
      }
    })
    begun.catch(() => {
      hasEnded = true
    })
    return begun
  }
  return Object.assign(sql, { begin: beginSafely })
}

function refusing(tx: Transaction, hasEnded: () => boolean): Transaction {
  const check = () => {
    if (hasEnded())
      throw Object.assign(new Error('the line of this transaction has ended'), { code: 'CONNECTION_CLOSED' })
  }
  return new Proxy(tx, {
    apply(target, self, args: unknown[]) {
      check()
      return Reflect.apply(target, self, args)
    },
    get(target, name) {
      check()
      return Reflect.get(target, name)
    },
  })
}

/** The words of the library and of the system; of the server's own, those after which it hangs up. */
function endsTheLine(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false

  const { code, severity } = cause as { code?: unknown; severity?: unknown }
  if (severity === 'FATAL' || severity === 'PANIC') return true
  return typeof code === 'string' && /^(CONNECTION_|CONNECT_TIMEOUT$|E[A-Z]{3,})/.test(code)
}
