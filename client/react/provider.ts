/** The client that the hooks below it speak to. Who made it closes it: a provider comes and goes with its screen. */
import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react'
import type { Client } from '../client.ts'

const ClientContext = createContext<Client | undefined>(undefined)

export interface LiveDropProviderProps {
  client: Client
  children?: ReactNode
}

export function LiveDropProvider({ client, children }: LiveDropProviderProps): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children)
}

export function useClient(): Client {
  const client = useContext(ClientContext)
  if (client === undefined) throw new Error('put a LiveDropProvider around this')
  return client
}
