/** Creators as fans look for them: by the beginning of a name, or by id. */
import type { CreatorId } from '../../protocol/ids.ts'
import { answered, readStatement, type Sql } from '../postgres.ts'

export interface Creator {
  creator: CreatorId
  displayName: string
}

export interface CreatorQuestion {
  /** What the name begins with, in any case of its letters. */
  beginning?: string
  limit: number
  /** The last creator of the page before. */
  after?: CreatorId
}

export class Creators {
  readonly #sql: Sql
  readonly #search = readStatement('./sql/search.sql', import.meta.url)

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** In the order of their names. */
  async search({ beginning = '', limit, after }: CreatorQuestion): Promise<Creator[]> {
    const parameters = [beginning, after ?? null, limit]
    const rows = await answered(this.#sql.unsafe<Creator[]>(this.#search, parameters, { prepare: true }))
    return rows.map((row) => ({ ...row }))
  }

  async byId(creator: CreatorId): Promise<Creator | undefined> {
    const [row] = await answered(
      this.#sql<Creator[]>`select id as creator, display_name as "displayName" from creators where id = ${creator}`,
    )
    return row && { ...row }
  }
}
