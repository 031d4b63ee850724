/** In each process that runs tests: see kept-output.ts. */
import { inject } from 'vitest'
import { keepChildren } from './kept-children.ts'

keepChildren(inject('keptOutput'))
