/*
  A page of an inbox, the latest first: events of the creators that are followed, since they are, and the user's own.
  $1 user, $2 at most, $3 the time the page before ended with, $4 and $5 the event and the own row that come after it at
  that very time, $6 only what is later than this.

  Each creator is asked for no more than the page holds, so the work is bounded by how many one follows (follows.ts) and
  not by what they ever did. At one and the same time the own rows come first.
*/
select i.source, i.id, i.kind, i.drop, i.creator, i.title, i."orderId",
  (extract(epoch from i.at) * 1000)::float8 as "atMs"
from (
  (
    select 'event' as source, e.id, e.kind, e.drop_id as drop, e.creator_id as creator, e.title, null as "orderId", e.at
    from follows f
    cross join lateral (
      select *
      from creator_events c
      where c.creator_id = f.creator_id
        and c.at >= f.followed_at
        and c.at > $6::text::timestamptz
        and (c.at, c.id) < ($3::text::timestamptz, $4::bigint)
      order by c.at desc, c.id desc
      limit $2::int
    ) e
    where f.follower_id = $1
    order by e.at desc, e.id desc
    limit $2::int
  )
  union all
  (
    select 'own', n.id, n.kind, n.drop_id, d.creator_id, d.title, n.order_id, n.at
    from notifications n
    join drops d on d.id = n.drop_id
    where n.user_id = $1
      and n.at > $6::text::timestamptz
      and (n.at, n.id) < ($3::text::timestamptz, $5::bigint)
    order by n.at desc, n.id desc
    limit $2::int
  )
) i
order by i.at desc, i.source desc, i.id desc
limit $2::int
