/** `livedrop audit <drop>`: proves a drop's invariants from Postgres and Redis. Exit code 1 when one does not hold. */
import { defineCommand } from 'citty'
import { isDropId } from '../protocol/ids.ts'
import { audit, type Finding } from '../storage/audit.ts'
import { RedisLedger } from '../storage/ledger/redis-ledger.ts'
import { connectPostgres } from '../storage/postgres.ts'
import { connectRedis } from '../storage/redis.ts'
import { BadCall, orFail } from './outcome.ts'
import { configOf, dataArg, jsonArg } from './settings.ts'

export const auditCommand = defineCommand({
  meta: { name: 'audit', description: 'Prove that nothing was oversold and nothing lost' },
  args: {
    drop: { type: 'positional', description: 'Id of the drop', required: true },
    data: dataArg,
    json: jsonArg,
  },
  run: ({ args }) =>
    orFail(async () => {
      const findings = await auditOf(args.drop, args.data)
      console.log(args.json ? JSON.stringify({ drop: args.drop, findings }, null, 2) : tableOf(findings))
      if (findings.some((finding) => !finding.ok)) process.exitCode = 1
    }),
})

async function auditOf(drop: string, dataDir: string): Promise<Finding[]> {
  if (!isDropId(drop)) throw new BadCall(`${JSON.stringify(drop)} is not a drop id`)

  const config = configOf(dataDir)
  const postgres = connectPostgres(config.databaseUrl, { max: 1, name: 'livedrop-audit', statementMs: 60_000 })
  try {
    const redis = await connectRedis(config.redisUrl, { name: 'audit' })
    try {
      return await audit({ sql: postgres.sql, ledger: new RedisLedger(redis, config.prefix) }, drop)
    } finally {
      await redis.close()
    }
  } finally {
    await postgres.close()
  }
}

function tableOf(findings: readonly Finding[]): string {
  return findings.map(({ rule, ok, detail }) => `${ok ? 'holds' : 'BROKEN'}  ${rule.padEnd(4)} ${detail}`).join('\n')
}
