/**
 * Who follows whom.
 *
 * Following is idempotent: the row is there or it is not, and following again does not make the follow younger. Somebody
 * follows a bounded number of creators, because every one of them is a topic of each of their sockets.
 */
import type { CreatorId, UserId } from '../../protocol/ids.ts'
import { answered, readStatement, type Sql } from '../postgres.ts'

export const FOLLOWS_MAX = 2_000

/** `unchanged`: it was so already. */
export type FollowOutcome = 'followed' | 'unchanged' | 'unknown_creator' | 'unknown_user' | 'too_many'
export type UnfollowOutcome = 'unfollowed' | 'unchanged' | 'unknown_creator'

export interface Follower {
  user: UserId
  displayName: string
  followedAtMs: number
}

export interface Following {
  creator: CreatorId
  displayName: string
  followedAtMs: number
}

export interface FollowPage<Id> {
  limit: number
  /** Where the page before ended. */
  after?: { atMs: number; id: Id }
}

const HIGHEST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

export class Follows {
  readonly #sql: Sql
  readonly #followers = readStatement('./sql/followers.sql', import.meta.url)
  readonly #following = readStatement('./sql/following.sql', import.meta.url)
  readonly #creatorsOf = readStatement('./sql/creators-of.sql', import.meta.url)

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async follow(user: UserId, creator: CreatorId): Promise<FollowOutcome> {
    const [known] = await answered(
      this.#sql<{ user: boolean; creator: boolean; follows: number }[]>`
        select exists (select from users where id = ${user}) as "user",
          exists (select from creators where id = ${creator}) as creator,
          (select count(*) from follows where follower_id = ${user}) as follows`,
    )
    if (known?.user !== true) return 'unknown_user'
    if (!known.creator) return 'unknown_creator'

    // Two at once may pass the bound by one; it is there for memory, not for money.
    const mayMore = known.follows < FOLLOWS_MAX
    const result = await answered(
      this.#sql`
        insert into follows (follower_id, creator_id) select ${user}, ${creator} where ${mayMore}
        on conflict do nothing`,
    )
    if (result.count === 1) return 'followed'
    return mayMore || (await this.#follows(user, creator)) ? 'unchanged' : 'too_many'
  }

  async unfollow(user: UserId, creator: CreatorId): Promise<UnfollowOutcome> {
    const result = await answered(
      this.#sql`delete from follows where follower_id = ${user} and creator_id = ${creator}`,
    )
    if (result.count === 1) return 'unfollowed'

    const rows = await answered(this.#sql`select from creators where id = ${creator}`)
    return rows.length === 1 ? 'unchanged' : 'unknown_creator'
  }

  followers(creator: CreatorId, page: FollowPage<UserId>): Promise<Follower[]> {
    return this.#page<Follower>(this.#followers, creator, page)
  }

  following(user: UserId, page: FollowPage<CreatorId>): Promise<Following[]> {
    return this.#page<Following>(this.#following, user, page)
  }

  /** Whom these users follow; one question for a whole crowd that comes back. */
  async creatorsOf(users: readonly UserId[]): Promise<Map<UserId, CreatorId[]>> {
    const creators = new Map<UserId, CreatorId[]>(users.map((user) => [user, []]))
    const rows = await answered(
      this.#sql.unsafe<{ user: UserId; creator: CreatorId }[]>(this.#creatorsOf, [[...users]], { prepare: true }),
    )
    for (const { user, creator } of rows) creators.get(user)?.push(creator)
    return creators
  }

  async count(creator: CreatorId): Promise<number> {
    const [row] = await answered(
      this.#sql<{ followers: number }[]>`select count(*) as followers from follows where creator_id = ${creator}`,
    )
    return row?.followers ?? 0
  }

  async #follows(user: UserId, creator: CreatorId): Promise<boolean> {
    const rows = await answered(this.#sql`select from follows where follower_id = ${user} and creator_id = ${creator}`)
    return rows.length === 1
  }

  async #page<Row extends object>(statement: string, of: string, page: FollowPage<string>): Promise<Row[]> {
    const { limit, after } = page
    const at = after === undefined ? 'infinity' : new Date(after.atMs).toISOString()
    const parameters = [of, at, after?.id ?? HIGHEST_UUID, limit]
    const rows = await answered(this.#sql.unsafe<Row[]>(statement, parameters, { prepare: true }))
    return rows.map((row) => ({ ...row }))
  }
}
