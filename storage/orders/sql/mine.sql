/* The latest orders of some buyers in one drop, oldest first. $1 drop, $2 buyers, $3 at most of each. */
select o.buyer_id as buyer, o.key, o.id as "orderId", o.state, l.lines
from unnest($2::uuid[]) as b (buyer_id)
cross join lateral (
  select * from orders
  where drop_id = $1 and buyer_id = b.buyer_id
  order by epoch desc, seq desc
  limit $3
) o
cross join lateral (
  select jsonb_agg(jsonb_build_object('sku', sku, 'qty', qty) order by sku) as lines
  from order_lines where order_id = o.id
) l
order by o.epoch, o.seq
