/** The contract itself: the OpenAPI document that is written from the table. */
import { z } from 'zod'
import { endpoint } from './endpoint.ts'

export const readContract = endpoint({
  name: 'readContract',
  method: 'get',
  path: '/openapi.json',
  tag: 'contract',
  summary: 'This document: OpenAPI 3.1.',
  who: 'anyone',
  limit: 'read',
  key: 'none',
  cache: { ms: 60_000, shows: [] },
  answers: { 200: z.looseObject({ openapi: z.string() }) },
  refusals: [],
  example: { answers: { 200: { openapi: '3.1.0' } } },
})
