/*
  A page of a drop's orders. $1 drop, $2 the id that the page before ended with or null, $3 at most.
  Walks the index that the key needs anyway instead of paying for one by (drop, id) with every order; the id only says
  where the walk left off. Two scalars and not one row of a subquery: only those tell the index where to begin, else
  each page would read all the pages before it.
*/
select o.id, o.buyer_id, o.state, o.epoch, o.seq, l.skus, l.qtys
from orders o
cross join lateral (
  select array_agg(sku) as skus, array_agg(qty) as qtys from order_lines where order_id = o.id
) l
where o.drop_id = $1
  and (o.buyer_id, o.key) > (
    coalesce((select buyer_id from orders where id = $2), '00000000-0000-0000-0000-000000000000'),
    coalesce((select key from orders where id = $2), '')
  )
order by o.buyer_id, o.key
limit $3
