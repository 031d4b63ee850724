/* What a node must look after: drops that open before $1, and those that are running. $2 at most. */
select id, phase, opens_at, closes_at
from drops
where phase in ('scheduled', 'open', 'paused') and (phase <> 'scheduled' or opens_at < $1)
order by opens_at
limit $2
