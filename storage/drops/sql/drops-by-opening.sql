/*
  A page of drops by their opening, each with its items. $1 from when they open, $2 creator or null, $3 phase or null,
  $4 and $5 when and which the page before ended with, $6 at most. The three ways to ask have an index each; the planner
  must see the values to choose, so this statement is not prepared.
*/
where d.opens_at >= $1
  and ($2::uuid is null or d.creator_id = $2)
  and ($3::text is null or d.phase = $3)
  and ($5::uuid is null or (d.opens_at, d.id) > ($4, $5))
order by d.opens_at, d.id
limit $6
