/* A page of whom somebody follows, the latest first. $1 follower, $2 and $3 when and whom the page before ended with, $4 at most. */
select c.id as creator, c.display_name as "displayName",
  (extract(epoch from f.followed_at) * 1000)::float8 as "followedAtMs"
from follows f
join creators c on c.id = f.creator_id
where f.follower_id = $1
  and (f.followed_at, f.creator_id) < ($2::text::timestamptz, $3::uuid)
order by f.followed_at desc, f.creator_id desc
limit $4
