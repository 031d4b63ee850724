/** The files of a tree that are ours: what git tracks, and what it would. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export function trackedFiles(root: string, pattern = '*'): string[] {
  const asked = ['ls-files', '-co', '--exclude-standard', pattern]
  const listed = execFileSync('git', asked, { cwd: root, encoding: 'utf8' })
  // Git still lists what was deleted a moment ago.
  return listed.split('\n').filter((file) => file !== '' && existsSync(join(root, file)))
}
