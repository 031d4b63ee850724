/* Keys that have more than one order. $1 drop. */
select (select count(*)::int from orders where drop_id = $1) as orders, count(*)::int as shared
from (select from orders where drop_id = $1 group by buyer_id, key having count(*) > 1) shared
