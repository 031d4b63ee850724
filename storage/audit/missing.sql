/* Those of $2 (order ids that the log says were accepted) that Postgres has no word of. $1 drop. */
select a.id
from unnest($2::text[]) as a (id)
where not exists (select from orders o where o.id = a.id)
  and not exists (select from drop_ops p where p.drop_id = $1 and p.op_id = 'revoke:' || a.id)
