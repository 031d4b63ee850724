/*
  Buyers over a limit by their confirmed orders, and buyers whose kept units are not those of their orders. $1 drop.
*/
with confirmed as (
  select o.buyer_id, l.sku, sum(l.qty)::int as units
  from orders o join order_lines l on l.order_id = o.id
  where o.drop_id = $1 and o.state = 'confirmed'
  group by o.buyer_id, l.sku
), kept as (
  select buyer_id, sku, units from drop_buyers where drop_id = $1 and units > 0
)
select
  (select count(distinct buyer_id)::int from confirmed) as buyers,
  (select count(*)::int from confirmed c join drop_items i on i.drop_id = $1 and i.sku = c.sku
    where c.units > i.limit_per_buyer) as over_item_limit,
  (select count(*)::int from (
    select from confirmed c, drops d where d.id = $1 group by c.buyer_id, d.limit_per_buyer
    having sum(c.units) > d.limit_per_buyer) over_all) as over_drop_limit,
  (select count(*)::int from confirmed c full join kept k using (buyer_id, sku)
    where c.units is distinct from k.units) as miscounted
