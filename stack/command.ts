/**
 * Running a program to its end: output kept, time bounded, the exit code a value.
 *
 * A program that cannot be started at all answers like one that failed, because to the caller it is the same thing.
 */
import { spawn } from 'node:child_process'

export type Ran = { code: number; output: string }
export type RunOptions = {
  timeoutMs: number
  input?: string
  env?: Record<string, string>
  cwd?: string
  user?: { uid: number; gid: number }
}

const OUTPUT_CHARACTERS_MAX = 64_000

export function runCommand(command: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? '/',
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      ...(options.user === undefined ? {} : options.user),
    })
    let output = ''
    const keep = (text: string) => {
      output = (output + text).slice(-OUTPUT_CHARACTERS_MAX)
    }
    child.stdout?.setEncoding('utf8').on('data', keep)
    child.stderr?.setEncoding('utf8').on('data', keep)
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}` }))
    child.on('close', (code, signal) => {
      if (signal !== null) keep(`\nended by ${signal} (allowed ${options.timeoutMs} ms)`)
      resolve({ code: code ?? 128, output })
    })
    // A program that ends without reading its input closes the pipe: its exit code tells what matters.
    child.stdin?.on('error', (error) => keep(`\n(input not read: ${error.message})`))
    child.stdin?.end(options.input)
  })
}

export function lastLines(text: string, lines = 8): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}
