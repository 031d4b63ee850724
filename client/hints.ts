/**
 * Where hints come from: the browser's events, or those that a React Native app hands in.
 *
 * Everything is looked up by name on what is there, for a core that named a browser's types could not be compiled for a
 * phone. Where there is nothing to listen to there are no hints, and the heartbeat finds out later by itself.
 */
import type { Hints } from './world.ts'

interface Target {
  addEventListener(name: string, call: () => void): void
  removeEventListener(name: string, call: () => void): void
}

const isTarget = (thing: unknown): thing is Target =>
  typeof (thing as Partial<Target> | undefined)?.addEventListener === 'function'

/** A browser's `online`, `offline` and `visibilitychange`; silent in React Native and in Node. */
export const browserHints: Hints = (hear) => {
  const { document } = globalThis as { document?: { visibilityState?: string } }
  const stops = [
    listen(globalThis, 'online', () => hear('online')),
    listen(globalThis, 'offline', () => hear('offline')),
    listen(document, 'visibilitychange', () => hear(document?.visibilityState === 'hidden' ? 'hidden' : 'visible')),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** React Native's AppState, or anything that speaks like it. */
export interface AppStateLike {
  addEventListener(name: 'change', call: (state: string) => void): { remove(): void }
}

/** The default export of @react-native-community/netinfo, or anything that speaks like it. */
export interface NetInfoLike {
  addEventListener(call: (state: { isConnected: boolean | null }) => void): () => void
}

export function nativeHints(appState: AppStateLike, netInfo?: NetInfoLike): Hints {
  return (hear) => {
    const app = appState.addEventListener('change', (state) => hear(state === 'active' ? 'visible' : 'hidden'))
    const stop = netInfo?.addEventListener(({ isConnected }) => hear(isConnected === false ? 'offline' : 'online'))
    return () => {
      app.remove()
      stop?.()
    }
  }
}

function listen(target: unknown, name: string, call: () => void): () => void {
  if (!isTarget(target)) return () => undefined

  target.addEventListener(name, call)
  return () => target.removeEventListener(name, call)
}
