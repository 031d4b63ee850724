/*
  What a node must look after: drops that open before $1, and those that are running. $2 at most: first those whose
  opening or end comes next, so that however many run without an end, none is late; then the youngest.
*/
select id, phase, opens_at, closes_at
from drops
where phase in ('scheduled', 'open', 'paused') and (phase <> 'scheduled' or opens_at < $1)
order by case when phase = 'scheduled' then opens_at else coalesce(closes_at, 'infinity') end, opens_at desc
limit $2
