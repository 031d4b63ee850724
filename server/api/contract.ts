/** `/openapi.json`: written once, when the table is built. */
import { readContract } from '../../protocol/api/contract.ts'
import type { Endpoint } from '../../protocol/api/endpoint.ts'
import { openApi } from '../../protocol/openapi.ts'
import { answer, type Route, route } from './route.ts'

export const API_VERSION = '1.0.0'

export function contractRoutes(endpoints: readonly Endpoint[]): Route[] {
  const document = openApi(endpoints, { title: 'LiveDrop', version: API_VERSION })
  return [route(readContract, async () => answer(200, document))]
}
