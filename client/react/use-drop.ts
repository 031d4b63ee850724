/**
 * A drop as it is now, its stock, and why it cannot be watched.
 *
 * Any number of components may look at the same drop; it is watched once. It is let go a moment after the last of them
 * has gone, for React in StrictMode takes each of them away and back, and so does a change of screens.
 */
import { useCallback, useSyncExternalStore } from 'react'
import type { Client } from '../client.ts'
import type { DropState } from '../drop-state.ts'
import type { DropFailure, DropWatch } from '../drop-watch.ts'
import { useClient } from './provider.ts'

/** Undefined until the first snapshot, and without a drop. */
export function useDrop(drop: string | undefined): DropState | undefined {
  return useWatch(drop, (watch) => watch.state)
}

/** Units of one item that are left: rendered again when this number changes, and for nothing else. */
export function useStock(drop: string | undefined, sku: string): number | undefined {
  return useWatch(drop, (watch) => watch.state?.items.find((item) => item.sku === sku)?.left)
}

/** There is no such drop, or this user may not see it. */
export function useDropFailure(drop: string | undefined): DropFailure | undefined {
  return useWatch(drop, (watch) => watch.failure)
}

/** `pick` answers the same as long as nothing has changed. */
function useWatch<What>(drop: string | undefined, pick: (watch: DropWatch) => What | undefined): What | undefined {
  const client = useClient()
  const subscribe = useCallback((changed: () => void) => follow(client, drop, changed), [client, drop])
  const read = () => {
    const watch = drop === undefined ? undefined : client.watched(drop)
    return watch === undefined ? undefined : pick(watch)
  }
  return useSyncExternalStore(subscribe, read, read)
}

function follow(client: Client, drop: string | undefined, changed: () => void): () => void {
  if (drop === undefined) return () => undefined

  const watch = client.watch(drop)
  const stops = [watch.on('changed', changed), watch.on('failed', changed)]
  return () => {
    for (const stop of stops) stop()
    void Promise.resolve().then(() => watch.stop())
  }
}
