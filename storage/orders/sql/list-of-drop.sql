/*
  A page of a drop's orders, those of a buyer together. $1 drop, $2 state or null, $3 and $4 the buyer and key that the
  page before ended with, $5 at most. Walks the index that the keys need anyway (orders_key).
*/
select o.id as "orderId", o.drop_id as drop, o.buyer_id as buyer, o.key, o.state, o.reason,
  (extract(epoch from o.accepted_at) * 1000)::float8 as "acceptedAtMs",
  (extract(epoch from o.confirmed_at) * 1000)::float8 as "confirmedAtMs",
  l.lines
from orders o
cross join lateral (
  select jsonb_agg(jsonb_build_object('sku', sku, 'qty', qty, 'priceMinor', price_minor, 'currency', currency)
    order by sku) as lines
  from order_lines where order_id = o.id
) l
where o.drop_id = $1
  and ($2::text is null or o.state = $2)
  and (o.buyer_id, o.key) > ($3::uuid, $4::text)
order by o.buyer_id, o.key
limit $5
