/*
  A page of a drop's orders, those of a buyer together. $1 drop, $2 state or null, $3 and $4 the buyer and key that the
  page before ended with, $5 at most. Walks the index that the keys need anyway (orders_key).
*/
where o.drop_id = $1
  and ($2::text is null or o.state = $2)
  and (o.buyer_id, o.key) > ($3::uuid, $4::text)
order by o.buyer_id, o.key
limit $5
