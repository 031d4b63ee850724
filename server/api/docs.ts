/**
 * `/docs` and `/docs/ws`: the contract for people. REST's half is shown by Swagger UI from the installed package, the
 * socket's by a page of our own (docs/socket.js says why).
 *
 * All files are read at first use and kept like any public answer; nothing comes from anywhere else, and the pages'
 * policy lets a browser load nothing else. The rows are not in the REST table: a viewer of the contract is no part
 * of it. It may be switched off (LIVEDROP_DOCS), for whoever does not want to show strangers around.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileRoute } from './file-route.ts'
import type { Route } from './route.ts'

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

const ours = (file: string) => () => readFile(new URL(`./docs/${file}`, import.meta.url))
const policy = { 'content-security-policy': DOCS_POLICY }

export function docsRoutes(): Route[] {
  return [
    fileRoute('/docs', 'html', async () => Buffer.from(PAGE), policy),
    fileRoute('/docs/start.js', 'js', async () => Buffer.from(START)),
    fileRoute('/docs/index.css', 'css', fromPackage('index.css')),
    fileRoute('/docs/swagger-ui.css', 'css', fromPackage('swagger-ui.css')),
    fileRoute('/docs/swagger-ui-bundle.js', 'js', fromPackage('swagger-ui-bundle.js')),
    fileRoute('/docs/ws', 'html', ours('socket.html'), policy),
    fileRoute('/docs/socket.css', 'css', ours('socket.css')),
    fileRoute('/docs/socket.js', 'js', ours('socket.js')),
  ]
}
