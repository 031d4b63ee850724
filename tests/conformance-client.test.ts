/** Our own client in the dialogues of docs/conformance/client.json, in both formats. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FORMATS } from '../protocol/version.ts'
import { type ClientDialogue, type ClientStep, playClient } from './conformance/client-dialogue.ts'
import { CLIENT_FILE, vectorsOf } from './conformance/files.ts'

const { dialogues } = vectorsOf<{ dialogues: ClientDialogue[] }>(CLIENT_FILE)

const SEEDS = [1, 20_000, 1_234_567_890]

describe.each(FORMATS)('our client, over %s', (format) => {
  it.each(dialogues)('[HH4] $name', async (dialogue) => {
    for (const seed of SEEDS) await playClient(dialogue, format, seed)
  })
})

/** The same step, asking for something else; undefined where it asks for nothing. */
function changed(step: ClientStep): ClientStep | undefined {
  if ('client' in step) return { ...step, client: { ...step.client, changed: true } }
  if ('told' in step) return { ...step, is: { changed: true } }
  if ('dials' in step) return { ...step, after: 30_000, within: 30_000 }
  if ('leaves' in step) return { silent: 20_000 }
  return undefined
}

describe('the dialogues', () => {
  it('[HH4] are not had by a client that does anything else than they ask for', async () => {
    const had: string[] = []
    let count = 0
    for (const dialogue of dialogues) {
      for (const [at, step] of dialogue.steps.entries()) {
        const other = changed(step)
        if (other === undefined) continue

        count += 1
        const steps = dialogue.steps.with(at, other)
        const isHad = await playClient({ ...dialogue, steps }, 'json', 1).then(
          () => true,
          () => false,
        )
        if (isHad) had.push(`${dialogue.name}: step ${at + 1}`)
      }
    }

    expect(had).toEqual([])
    expect(count).toBeGreaterThan(200)
  })

  it('[HH5] cover every rule of docs/client-spec.md that can be seen on the wire', () => {
    // 6: another user is another client. 9: hints of a device. 20: a bound on the device. 23, 24: REST. 26: Socket.IO.
    const unseen = [6, 9, 20, 23, 24, 26]
    const spec = readFileSync(join(import.meta.dirname, '../docs/client-spec.md'), 'utf8')
    const written = [...spec.matchAll(/^(\d+)\. /gm)].map((match) => Number(match[1]))

    const covered = new Set(dialogues.flatMap(({ rules }) => rules))
    expect(written.filter((rule) => !covered.has(rule))).toEqual(unseen)
    expect([...covered].filter((rule) => !written.includes(rule))).toEqual([])
  })
})
