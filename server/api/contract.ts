/** `/openapi.json` and `/asyncapi.json`: written once, when the table is built. */
import { readContract, readSocketContract } from '../../protocol/api/contract.ts'
import type { Endpoint } from '../../protocol/api/endpoint.ts'
import { asyncApi } from '../../protocol/asyncapi.ts'
import { openApi } from '../../protocol/openapi.ts'
import { PROTOCOL_VERSION, WIRE_REVISIONS } from '../../protocol/version.ts'
import { answer, type Route, route } from './route.ts'

export const API_VERSION = '1.0.0'

export function contractRoutes(endpoints: readonly Endpoint[]): Route[] {
  const document = openApi(endpoints, { title: 'LiveDrop', version: API_VERSION })
  const wireVersion = `${PROTOCOL_VERSION}.${WIRE_REVISIONS.length - 1}.0`
  const socket = asyncApi({ title: 'LiveDrop', version: wireVersion })
  return [
    route(readContract, async () => answer(200, document)),
    route(readSocketContract, async () => answer(200, socket)),
  ]
}
