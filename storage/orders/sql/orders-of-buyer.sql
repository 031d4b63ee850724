/*
  A page of a buyer's orders, newest first. $1 buyer, $2 drop or null, $3 state or null, $4 at most,
  $5 and $6 when and which the page before ended with. The first page comes after 'infinity': were it a null, the plan
  that is kept could not use the index for it and would read every page from the beginning.
*/
where o.buyer_id = $1
  and ($2::uuid is null or o.drop_id = $2)
  and ($3::text is null or o.state = $3)
  and (o.accepted_at, o.id) < ($5::text::timestamptz, $6::text)
order by o.accepted_at desc, o.id desc
limit $4
