/** `/livez` and `/readyz`. */
import { livez, type Readiness, readyz } from '../../protocol/api/health.ts'
import { answer, type Route, route } from './route.ts'

export interface HealthWorld {
  health: { readiness(): Promise<Readiness> }
}

export function healthRoutes({ health }: HealthWorld): Route[] {
  return [
    route(livez, async () => answer(200, { alive: true })),

    route(readyz, async () => {
      const readiness = await health.readiness()
      return readiness.ready ? answer(200, readiness) : answer(503, readiness)
    }),
  ]
}
