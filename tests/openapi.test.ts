/** The table, its handlers and the document that is written from it are the same thing three times. */
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { ENDPOINTS } from '../protocol/api/endpoints.ts'
import { openApi, openApiPath } from '../protocol/openapi.ts'
import { restWorld } from './builders/rest-world.ts'

const document = openApi(ENDPOINTS, { title: 'LiveDrop', version: '1.0.0' })
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

describe('the REST table', () => {
  it('[R15] every endpoint has one handler, and every handler an endpoint', () => {
    const answered = restWorld().routes.map((route) => route.endpoint.name)

    expect([...answered].sort()).toEqual(ENDPOINTS.map((row) => row.name).sort())
    expect(new Set(answered).size).toBe(answered.length)
  })

  it('[R15] every endpoint is in the document, under its own path and method, and nothing else is', () => {
    expect(
      operations.map(({ path, method, operation }) => `${method} ${path} ${operation.operationId}`).sort(),
    ).toEqual(ENDPOINTS.map((row) => `${row.method} ${openApiPath(row.path)} ${row.name}`).sort())
    expect(document.openapi).toBe('3.1.0')
  })

  it.each(ENDPOINTS.map((row) => [row.name, row] as const))(
    '[R15] the examples of %s parse by its schemas',
    (_, row) => {
      const { example } = row
      const parts: [string, z.ZodType | undefined, unknown][] = [
        ['params', row.params, example.params],
        ['query', row.query, example.query],
        ['headers', row.headers, example.headers],
        ['body', row.body, example.body],
        ...Object.entries(row.answers).map(([status, schema]): [string, z.ZodType, unknown] => [
          status,
          schema,
          example.answers[Number(status)],
        ]),
      ]

      for (const [name, schema, value] of parts) {
        expect([name, schema === undefined]).toEqual([name, value === undefined])
        if (schema !== undefined) expect([name, schema.safeParse(value).error?.issues]).toEqual([name, undefined])
      }
      expect(Object.keys(example.answers)).toEqual(Object.keys(row.answers))
    },
  )

  it('[R15] every path parameter is described, and only those', () => {
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const described = (operation.parameters as { in: string; name: string }[]).filter((one) => one.in === 'path')

      expect(described.map((one) => one.name)).toEqual(inPath)
    }
  })

  it('[R15] says who may, what key it takes and what a body is', () => {
    const order = document.paths['/v1/drops/{id}/orders']?.post
    const login = document.paths['/v1/auth/login']?.post

    expect(order).toMatchObject({ security: [{ token: [] }], requestBody: { required: true } })
    expect(order?.parameters).toContainEqual(
      expect.objectContaining({ in: 'header', name: 'Idempotency-Key', required: true }),
    )
    expect(login).not.toHaveProperty('security')
    const body = JSON.stringify(login?.requestBody)
    expect(body).toContain('"additionalProperties":false')
  })

  it('[R15] holds no reference that leads nowhere and no undefined', () => {
    const text = JSON.stringify(document)
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1])

    expect(new Set(references)).toEqual(new Set(['Problem']))
    expect(JSON.parse(text)).toEqual(document)
  })
})
