/*
  What the ledger is owed, oldest first. $1 at least this old in ms, $2 at most. Without lines: the return of a refused
  order's units, which its room does by itself.
*/
select drop_id as drop, op_id as "opId", kind, body
from drop_ops
where not applied and kind in ('restock', 'release') and body ? 'lines'
  and created_at <= now() - $1::int8 * interval '1 millisecond'
order by created_at
limit $2
