/**
 * What a client hears of a fault: its code, and for people a sentence where the fault is the client's own. What is wrong
 * with us is named by its code alone, for its words may hold a host name or a statement.
 */
import { Fault } from '../../protocol/faults.ts'
import type { ErrorMessage } from '../../protocol/messages/error.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'

export function errorMessage(cause: unknown, id?: RequestId): ErrorMessage {
  const fault = cause instanceof Fault ? cause : new Fault('internal', {}, { cause })
  const message = fault.status < 500 ? fault.message : fault.code.replaceAll('_', ' ')
  const error: ErrorMessage = { type: 'error', code: fault.code, message, retryable: fault.retryable }
  if (id !== undefined) error.id = id
  return error
}
