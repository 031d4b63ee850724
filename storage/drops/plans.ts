/** The change of a drop that has not opened, in Postgres: one statement, judged by its own clock (rooms/replanning.ts). */
import type { DropId } from '../../protocol/ids.ts'
import type { DropChange, PlanBook } from '../../rooms/replanning.ts'
import { answered, type Sql } from '../postgres.ts'

export class PostgresPlans implements PlanBook {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async replan(drop: DropId, epoch: number, change: DropChange, aheadMs: number): ReturnType<PlanBook['replan']> {
    const sql = this.#sql
    const plan = JSON.parse(JSON.stringify(change)) // without what is undefined: absent and null mean different things
    const [row] = await answered(
      sql<{ said: Awaited<ReturnType<PlanBook['replan']>> | null }[]>`
        select replan_drop(${drop}, ${epoch}, ${sql.json(plan)}, ${aheadMs}) as said`,
    )
    return row?.said ?? undefined
  }
}
