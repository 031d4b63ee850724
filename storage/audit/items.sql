/* The numbers of each item, and what its confirmed orders add up to. $1 drop. One row for a SKU that either side knows. */
select sku, coalesce(i.total, 0) as total, coalesce(i.sold, 0) as sold, coalesce(c.units, 0)::int as confirmed
from (select sku, total, sold from drop_items where drop_id = $1) i
full join (
  select l.sku, sum(l.qty) as units
  from orders o join order_lines l on l.order_id = o.id
  where o.drop_id = $1 and o.state = 'confirmed'
  group by l.sku
) c using (sku)
order by sku
