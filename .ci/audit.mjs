/**
 * Known holes in what npm installed: one that is high or critical fails the run. Where the registry has no advisory
 * service, or it does not answer, that is said and the run goes on: tests/packages.test.ts still holds the versions that
 * are known to be safe.
 */
import { spawnSync } from 'node:child_process'

const ANSWER_WITHIN_MS = 60_000
const { stdout, error } = spawnSync('npm', ['audit', '--json', '--audit-level=high'], {
  encoding: 'utf8',
  timeout: ANSWER_WITHIN_MS,
})
const answer = read(error === undefined ? stdout : '')
const counts = answer?.metadata?.vulnerabilities
if (counts === undefined) {
  console.log('no answer from the advisory service')
} else {
  const { low = 0, moderate = 0, high = 0, critical = 0 } = counts
  console.log(`${critical} critical, ${high} high, ${moderate} moderate, ${low} low`)
  if (critical + high > 0) {
    for (const [name, { severity, range }] of Object.entries(answer.vulnerabilities ?? {})) {
      if (severity === 'high' || severity === 'critical') console.error(`${severity}: ${name} ${range}`)
    }
    process.exit(1)
  }
}

function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not what npm says: nobody answered
  }
}
