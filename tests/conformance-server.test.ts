/** Our own server in the dialogues of docs/conformance/server.json, and under the frames of codec.json, in both formats. */
import { describe, expect, it } from 'vitest'
import { FORMATS } from '../protocol/version.ts'
import { bounded } from './builders/raw-socket.ts'
import { type CodecVectors, frameOf } from './conformance/codec-vectors.ts'
import { CODEC_FILE, SERVER_FILE, vectorsOf } from './conformance/files.ts'
import { playServer, type ServerDialogue, ServerPlay, type ServerStep } from './conformance/server-dialogue.ts'

const { dialogues } = vectorsOf<{ dialogues: ServerDialogue[] }>(SERVER_FILE)
const vectors = vectorsOf<CodecVectors>(CODEC_FILE)
const AT_ONCE = 8

describe.each(FORMATS)('our server, over %s', (format) => {
  it.each(dialogues)('[HH6] $name', async (dialogue) => {
    await playServer(dialogue, format)
  })

  it('[HH7] answers every frame of the codec vectors with what is written, and goes on', async () => {
    const node = await ServerPlay.start(format)
    const rows = [
      ...vectors.taken.map((row) => ({ ...row, answers: row.heard, cutOff: undefined })),
      ...vectors.refused.map((row) => ({ ...row, answers: row.answers.map((one) => ({ type: 'error', ...one })) })),
    ].filter((row) => row.format === format)

    const outcomes = await bounded(rows, AT_ONCE, async (row) => {
      const link = row.name
      await node.open(link)
      await node.say({ type: 'hello' }, link)
      await node.hear({ type: 'welcome' }, link)
      await node.noise(frameOf(row), { as: format === 'json' ? 'text' : 'binary', link })
      if (row.cutOff) return node.step({ ends: 'cut', link })

      // What was good in the frame is answered as well: clocks, in the order of the messages.
      const isBeside = row.name === 'a bad message does not silence the others'
      if (isBeside) await node.hear({ type: 'clock', t0: 5 }, link)
      for (const answer of row.answers) await node.hear(answer, link)
      await node.say({ type: 'clock', t0: 99 }, link)
      await node.hear({ type: 'clock', t0: 99 }, link)
    }).finally(() => node.stop())

    expect(outcomes).toHaveLength(rows.length)
    expect(node.failures).toEqual([])
  })
})

/** The same step, asking for something else; undefined where it asks for nothing. */
function changed(step: ServerStep): ServerStep | undefined {
  if ('hears' in step) return { ...step, hears: { ...step.hears, changed: true } }
  if ('ends' in step) return { ...step, ends: 4_242 }
  return undefined
}

describe('the dialogues', () => {
  it('[HH6] are not had by a server that does anything else than they ask for', async () => {
    const others = dialogues.flatMap((dialogue) =>
      dialogue.steps.flatMap((step, at) => {
        const other = changed(step)
        return other === undefined ? [] : [{ ...dialogue, steps: dialogue.steps.with(at, other), at }]
      }),
    )
    const had = await bounded(others, AT_ONCE, (other) =>
      playServer(other, 'json').then(
        () => `${other.name}: step ${other.at + 1}`,
        () => undefined,
      ),
    )

    expect(had.filter((name) => name !== undefined)).toEqual([])
    expect(others.length).toBeGreaterThan(100)
  })
})
