/**
 * `/docs`: the contract for people, by Swagger UI from the installed package.
 *
 * Four files and a page, read at first use and kept like any public answer; nothing comes from anywhere else, and the
 * page's policy lets a browser load nothing else. The rows are not in the REST table: a viewer of the contract is no part
 * of it. It may be switched off (LIVEDROP_DOCS), for whoever does not want to show strangers around.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { z } from 'zod'
import { endpoint } from '../../protocol/api/endpoint.ts'
import { answer, type Route, route } from './route.ts'

const HTML = 'text/html; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const SCRIPT = 'text/javascript; charset=utf-8'

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>LiveDrop</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/index.css">
</head>
<body>
<div id="contract"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

/** A request tried from the page goes to this node. No badge, for it would be asked for elsewhere. */
const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#contract',
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
})
`

/** `data:` for the pictures in the style sheet. */
export const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const installed = createRequire(import.meta.url)
const fromPackage = (file: string) => () => readFile(installed.resolve(`swagger-ui-dist/${file}`))

export function docsRoutes(): Route[] {
  return [
    page('/docs', HTML, async () => Buffer.from(PAGE), { 'content-security-policy': DOCS_POLICY }),
    page('/docs/start.js', SCRIPT, async () => Buffer.from(START)),
    page('/docs/index.css', CSS, fromPackage('index.css')),
    page('/docs/swagger-ui.css', CSS, fromPackage('swagger-ui.css')),
    page('/docs/swagger-ui-bundle.js', SCRIPT, fromPackage('swagger-ui-bundle.js')),
  ]
}

function page(
  path: `/${string}`,
  type: string,
  read: () => Promise<Buffer>,
  headers: Readonly<Record<string, string>> = {},
): Route {
  const row = endpoint({
    ...{ name: 'docs', method: 'get', path, tag: 'docs', summary: 'The contract, for people.' },
    ...{ who: 'anyone', limit: 'read', key: 'none' },
    cache: { ms: 3_600_000, shows: [] },
    answers: { 200: z.custom<Uint8Array>() },
    refusals: [],
    example: { answers: {} },
  })
  return route(row, async () => answer(200, await read(), { 'content-type': type, ...headers }))
}
