/** Where the connection stands: for a badge, and for a way to sign in again when it is closed for good. */
import { useCallback, useSyncExternalStore } from 'react'
import type { ConnectionState } from '../connection-state.ts'
import { useClient } from './provider.ts'

export function useConnectionState(): ConnectionState {
  const client = useClient()
  const subscribe = useCallback((changed: () => void) => client.on('connection', changed), [client])
  const read = () => client.connection
  return useSyncExternalStore(subscribe, read, read)
}
