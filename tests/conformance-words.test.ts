/** Every word of the protocol is in a dialogue of docs/conformance, so that who plays them has met all of it. */
import { describe, expect, it } from 'vitest'
import { CLOSE_CODES } from '../protocol/close-codes.ts'
import { downSchema } from '../protocol/down.ts'
import { UP_TYPES } from '../protocol/up.ts'
import { VERDICTS } from '../protocol/verdicts.ts'
import { CLIENT_FILE, SERVER_FILE, vectorsOf } from './conformance/files.ts'

type Step = Record<string, unknown>

const DOWN_TYPES = downSchema.options.map((option) => option.shape.type.value)
const CODES = Object.values(CLOSE_CODES)

const client = wordsOf(CLIENT_FILE)
const server = wordsOf(SERVER_FILE)

/** What a kind of step of a file names under `field`; of a step that is no message, its value. */
function wordsOf(file: string) {
  const steps = vectorsOf<{ dialogues: { steps: Step[] }[] }>(file).dialogues.flatMap((dialogue) => dialogue.steps)
  return (kind: string, field?: string): Set<unknown> => {
    const said = steps.flatMap((step) => (kind in step ? [step[kind]].flat() : []))
    return new Set(field === undefined ? said : said.map((message) => (message as Step)[field]))
  }
}

const missing = (words: Iterable<unknown>, said: Set<unknown>) => [...words].filter((word) => !said.has(word))

describe('the dialogues of a client', () => {
  it('[HH13] have every message of both directions, but for the clock, which the runner keeps', () => {
    expect(missing(UP_TYPES, client('client', 'type'))).toEqual(['clock'])
    expect(missing(DOWN_TYPES, client('server', 'type'))).toEqual(['clock'])
  })

  it('[HH13] have every close code and every verdict', () => {
    expect(missing(CODES, client('cut'))).toEqual([])
    expect(missing(VERDICTS, client('server', 'verdict'))).toEqual([])
  })
})

describe('the dialogues of a server', () => {
  it('[HH13] have every message of both directions', () => {
    expect(missing(UP_TYPES, server('says', 'type'))).toEqual([])
    expect(missing(DOWN_TYPES, server('hears', 'type'))).toEqual([])
  })

  it('[HH13] have every close code that can be waited for, and every verdict', () => {
    // slow: a runner's own kernel reads on for it. no_pong: a runner's own socket answers pings.
    expect(missing(CODES, server('ends'))).toEqual([CLOSE_CODES.slow, CLOSE_CODES.no_pong])
    expect(missing(VERDICTS, server('hears', 'verdict'))).toEqual([])
  })
})
