/*
  Cancelled orders against the returns of their units, one for one. $1 drop.
  `unreturned`: cancelled and never owed to the ledger, in a drop that is not cancelled itself. `unfounded`: owed for an order that is not cancelled.
*/
select
  (select count(*)::int from drop_ops where drop_id = $1 and kind = 'restock') as restocks,
  count(o.id)::int as cancelled,
  count(*) filter (where c.id is null and not (select phase = 'cancelled' from drops where id = $1))::int as unreturned,
  count(*) filter (where o.id is null)::int as unfounded
from (select id from orders where drop_id = $1 and state = 'cancelled') o
full join (
  select substr(op_id, length('cancel:') + 1) as id from drop_ops where drop_id = $1 and op_id like 'cancel:%'
) c using (id)
