/*
  The transitions of the drop's orders against those that the outbox tells. $1 drop.
  `unfounded`: told of an order that there is not; the refused second order of a key has no row and is known by the
  return of its units instead.
*/
with due as (
  select id, case state when 'revoked' then 'order_revoked' else 'order_confirmed' end as kind
  from orders where drop_id = $1
  union all
  select id, 'order_cancelled' from orders where drop_id = $1 and state = 'cancelled'
), told as (
  select t ->> 'orderId' as id, kind, count(*) as times
  from outbox, jsonb_array_elements(body) t
  where drop_id = $1 and kind in ('order_confirmed', 'order_revoked', 'order_cancelled')
  group by 1, 2
)
select
  (select count(*)::int from due) as transitions,
  (select count(*)::int from outbox where drop_id = $1 and sent_at is null) as unsent,
  count(*) filter (where told.id is null)::int as missing,
  count(*) filter (where told.times > 1)::int as repeated,
  count(*) filter (where due.id is null and not exists (
    select from drop_ops where drop_id = $1 and op_id = 'revoke:' || id))::int as unfounded
from due full join told using (id, kind)
