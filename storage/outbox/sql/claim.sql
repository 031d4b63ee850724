/* The oldest unsent rows that nobody else is publishing, kept locked. $1 at most. */
select id, drop_id as drop, kind, body, (extract(epoch from created_at) * 1000)::float8 as "createdAtMs"
from outbox
where sent_at is null
order by id
limit $1
for update skip locked
