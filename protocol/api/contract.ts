/** The contract itself: the documents that are written from the two tables, REST's and the socket's. */
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

export const readSocketContract = endpoint({
  name: 'readSocketContract',
  method: 'get',
  path: '/asyncapi.json',
  tag: 'contract',
  summary: 'What is said over the socket: AsyncAPI 3.0.',
  who: 'anyone',
  limit: 'read',
  key: 'none',
  cache: 'public',
  answers: { 200: z.looseObject({ asyncapi: z.string() }) },
  refusals: [],
  example: { answers: { 200: { asyncapi: '3.0.0' } } },
})
