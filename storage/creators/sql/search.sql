/*
  A page of creators by name. $1 what the name begins with ('' for all), $2 the creator the page before ended with or
  null, $3 at most. U+10FFFF is above every other character, so the range is exactly what begins with $1.
*/
select c.id as creator, c.display_name as "displayName"
from creators c
where lower(c.display_name) collate "C" >= lower($1::text) collate "C"
  and lower(c.display_name) collate "C" < (lower($1::text) || U&'\+10FFFF') collate "C"
  and (lower(c.display_name) collate "C", c.id) > (
    coalesce((select lower(b.display_name) from creators b where b.id = $2::uuid), '') collate "C",
    coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
  )
order by lower(c.display_name) collate "C", c.id
limit $3
