/* Orders with their lines, as OrderRecord has them; what follows says which. */
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
