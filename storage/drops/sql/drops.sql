/* Drops with their items in their order, as DropRecord has them; what follows says which. */
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
