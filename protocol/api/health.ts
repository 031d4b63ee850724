/** For whoever runs the node: is the process alive, and can it do its work. */
import { z } from 'zod'
import { endpoint } from './endpoint.ts'

export const DEPENDENCIES = ['redis', 'postgres', 'nats'] as const
export type Dependency = (typeof DEPENDENCIES)[number]

/** `why` is a word or two and never a host or a password: this page is public. */
const dependencySchema = z.object({ ok: z.boolean(), why: z.string().optional() })

export const readinessSchema = z.object({
  ready: z.boolean(),
  why: z.string().optional(),
  dependencies: z.object({ redis: dependencySchema, postgres: dependencySchema, nats: dependencySchema }),
})
export type Readiness = z.infer<typeof readinessSchema>

const ok = { ok: true }

export const livez = endpoint({
  name: 'livez',
  method: 'get',
  path: '/livez',
  tag: 'health',
  summary: 'The process answers. Says nothing of its dependencies: restarting this node would not mend them.',
  who: 'anyone',
  limit: 'none',
  key: 'none',
  cache: 'private',
  answers: { 200: z.object({ alive: z.literal(true) }) },
  refusals: [],
  example: { answers: { 200: { alive: true } } },
})

export const readyz = endpoint({
  name: 'readyz',
  method: 'get',
  path: '/readyz',
  tag: 'health',
  summary: 'Whether this node should be sent traffic, and which dependency keeps it from that.',
  who: 'anyone',
  limit: 'none',
  key: 'none',
  cache: 'private',
  answers: { 200: readinessSchema, 503: readinessSchema },
  refusals: [],
  example: {
    answers: {
      200: { ready: true, dependencies: { redis: ok, postgres: ok, nats: ok } },
      503: {
        ready: false,
        dependencies: { redis: { ok: false, why: 'no answer within 1000 ms' }, postgres: ok, nats: ok },
      },
    },
  },
})
