/**
 * `@livedrop/client/react`: hooks over a client, for React in a browser and for React Native alike.
 *
 * Each hook is a window onto what the client keeps anyway, so a component is rendered again only when what it reads has
 * changed, and whatever it watched is let go when the last component that needs it has gone.
 */
'use client'

export { LiveDropProvider, type LiveDropProviderProps, useClient } from './react/provider.ts'
export { useConnectionState } from './react/use-connection-state.ts'
export { useCountdown } from './react/use-countdown.ts'
export { useDrop, useDropFailure, useStock } from './react/use-drop.ts'
export { type OrderHandle, type OrderProgress, useOrder } from './react/use-order.ts'
