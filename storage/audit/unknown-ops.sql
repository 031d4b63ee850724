/* Those of the doings $2, which the log of the drop $1 has, that Postgres did not do first. */
select op_id as id
from unnest($2::text[]) as done (op_id)
where not exists (select from drop_ops o where o.drop_id = $1 and o.op_id = done.op_id)
