#!/usr/bin/env node
// Starts the command line from the sources as they are (tsx), or from the built tree where that is all there is.
import { existsSync } from 'node:fs'

if (existsSync(new URL('./main.ts', import.meta.url))) {
  const { register } = await import('tsx/esm/api')
  register()
  await import('./main.ts')
} else await import('./main.js')
