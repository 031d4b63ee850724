/*
  A page of drops by their opening, each with its items. $1 from when they open, $2 creator or null, $3 phase or null,
  $4 and $5 when and which the page before ended with, $6 at most. The three ways to ask have an index each; the planner
  must see the values to choose, so this statement is not prepared.
*/
select d.id as drop, d.creator_id as creator, d.product_id as "productId", d.title, d.phase,
  (extract(epoch from d.opens_at) * 1000)::float8 as "opensAtMs",
  (extract(epoch from d.closes_at) * 1000)::float8 as "closesAtMs",
  d.limit_per_buyer as "limitPerBuyer", d.low_stock_at as "lowStockAt",
  jsonb_build_object('epoch', d.wm_epoch, 'seq', d.wm_seq) as position,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
      'sku', i.sku, 'title', i.title, 'priceMinor', i.price_minor, 'currency', i.currency,
      'total', i.total, 'sold', i.sold, 'limit', i.limit_per_buyer
    ) order by i.position), '[]')
    from drop_items i where i.drop_id = d.id
  ) as items
from drops d
where d.opens_at >= $1
  and ($2::uuid is null or d.creator_id = $2)
  and ($3::text is null or d.phase = $3)
  and ($5::uuid is null or (d.opens_at, d.id) > ($4, $5))
order by d.opens_at, d.id
limit $6
