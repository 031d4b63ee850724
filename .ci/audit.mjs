/**
 * Known holes in what npm installed. Ends with 0: asked, and none that is high; 1: there is one; 3: nobody could be asked,
 * because there is no network or the registry has no advisory service. That is not the same as none, so it is said in
 * those words and the caller decides; tests/packages.test.ts holds the versions that are known to be safe either way.
 */
import { spawnSync } from 'node:child_process'

const ANSWER_WITHIN_MS = 60_000
const HOLES = 1
const NOT_ASKED = 3

const { stdout, error } = spawnSync('npm', ['audit', '--json', '--audit-level=high'], {
  encoding: 'utf8',
  timeout: ANSWER_WITHIN_MS,
})
const answer = read(stdout ?? '')
const counts = answer?.metadata?.vulnerabilities
if (counts === undefined) {
  const why = error?.message ?? answer?.message ?? answer?.error?.summary ?? 'npm said nothing that can be read'
  console.error(`NOT AUDITED: ${why.split('\n')[0]}`)
  process.exit(NOT_ASKED)
}

const { low = 0, moderate = 0, high = 0, critical = 0 } = counts
console.log(`audited: ${critical} critical, ${high} high, ${moderate} moderate, ${low} low`)
for (const [name, { severity, range }] of Object.entries(answer.vulnerabilities ?? {})) {
  if (severity === 'high' || severity === 'critical') console.error(`${severity}: ${name} ${range}`)
}
process.exit(critical + high > 0 ? HOLES : 0)

function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not what npm says: nobody answered
  }
}
