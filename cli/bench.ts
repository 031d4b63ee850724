/** `livedrop bench <name> …`: runs a script of bench/ against the running stack, or against one of its own. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineCommand } from 'citty'
import { BadCall, orFail } from './outcome.ts'

const BENCHES = ['storm', 'ledger', 'writer', 'followers', 'http', 'connections', 'start', 'slow-readers'] as const

export const benchCommand = defineCommand({
  meta: { name: 'bench', description: `Measure: ${BENCHES.join(', ')}` },
  args: { name: { type: 'positional', description: BENCHES.join(', '), required: true } },
  run: ({ args, rawArgs }) =>
    orFail(async () => {
      const name = BENCHES.find((one) => one === args.name)
      if (name === undefined) throw new BadCall(`no bench ${JSON.stringify(args.name)}: ${BENCHES.join(', ')}`)

      process.exitCode = await runBench(name, rawArgs.slice(rawArgs.indexOf(args.name) + 1), process.env)
    }),
})

/** Resolves with the bench's exit code. */
export function runBench(
  name: (typeof BENCHES)[number],
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const source = fileURLToPath(new URL(`../bench/${name}.ts`, import.meta.url))
  const isSource = existsSync(source)
  const file = isSource ? source : source.replace(/\.ts$/, '.js')
  const runner = isSource ? ['--import', import.meta.resolve('tsx'), file] : [file]

  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...runner, ...args], { stdio: 'inherit', env })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
