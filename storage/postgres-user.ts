/** Whether a user of Postgres may do more than a node needs: its own rights are everybody's to read. */
import { answered, readStatement, type Sql } from './postgres.ts'

const statement = (name: string) => readStatement(`./${name}.sql`, import.meta.url)

type Right = 'superuser' | 'roles' | 'databases' | 'files' | 'ddl' | 'truncate' | 'notes'

const IN_WORDS: Readonly<Record<Right, string>> = {
  superuser: 'is a superuser',
  roles: 'makes roles',
  databases: 'makes databases and schemas',
  files: 'reads files or runs programs of the server',
  ddl: 'makes, changes and drops tables',
  truncate: 'empties tables',
  notes: 'writes which migrations were run',
}

/** What it may do beside its work, in words; empty for the role of docs/security.md. A superuser may do all of it. */
export async function excessOfPostgresUser(sql: Sql): Promise<string[]> {
  const [rights] = await answered(sql.unsafe<Record<Right, boolean>[]>(statement('postgres-user'), []))
  if (rights?.superuser === true) return [IN_WORDS.superuser]

  return (Object.keys(IN_WORDS) as Right[]).filter((right) => rights?.[right] === true).map((right) => IN_WORDS[right])
}
