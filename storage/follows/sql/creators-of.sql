/* Whom users follow. $1 users. */
select follower_id as "user", creator_id as creator
from follows
where follower_id = any($1::uuid[])
