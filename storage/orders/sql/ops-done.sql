/*
  A page of what was done to a drop, applied or not: what goes up is in its totals before the ledger hears of it.
  $1 drop, $2 the id that the page before ended with or null, $3 at most.
*/
select op_id from drop_ops
where drop_id = $1 and ($2::text is null or op_id > $2)
order by op_id limit $3
