/* The items of a new drop. $1 drop, $2 product, then columns: $3 SKUs, $4 stocks, $5 limits, $6 prices (null: the variant's). */
insert into drop_items (drop_id, sku, position, title, price_minor, currency, total, limit_per_buyer)
select $1, v.sku, i.n, v.title, coalesce(i.price_minor, v.price_minor), v.currency, i.stock, i.limit_per_buyer
from unnest($3::text[], $4::int[], $5::int[], $6::bigint[])
  with ordinality as i (sku, stock, limit_per_buyer, price_minor, n)
join variants v on v.product_id = $2 and v.sku = i.sku
