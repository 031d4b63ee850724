/* The orders of some buyers in one drop. $1 drop, $2 buyers. */
select o.buyer_id as buyer, o.key, o.id as "orderId", o.state, l.lines
from orders o
cross join lateral (
  select jsonb_agg(jsonb_build_object('sku', sku, 'qty', qty) order by sku) as lines
  from order_lines where order_id = o.id
) l
where o.drop_id = $1 and o.buyer_id = any ($2::uuid[])
order by o.epoch, o.seq
