/* A page of a creator's followers, the latest first. $1 creator, $2 and $3 when and who the page before ended with, $4 at most. */
select u.id as "user", u.display_name as "displayName",
  (extract(epoch from f.followed_at) * 1000)::float8 as "followedAtMs"
from follows f
join users u on u.id = f.follower_id
where f.creator_id = $1
  and (f.followed_at, f.follower_id) < ($2::text::timestamptz, $3::uuid)
order by f.followed_at desc, f.follower_id desc
limit $4
