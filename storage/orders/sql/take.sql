/*
  A new owner for a drop, and the epoch that proves it. $1 drop, $2 node. No row: there is no such drop.
  The row is locked before it is changed, so that `previous_owner` is the one whose epoch this one follows.
*/
with before as (
  select id, owner_node from drops where id = $1 for no key update
)
update drops set epoch = drops.epoch + 1, owner_node = $2
from before where drops.id = before.id
returning drops.epoch, before.owner_node as previous_owner, drops.wm_epoch, drops.wm_seq, drops.min_epoch,
  drops.creator_id, drops.low_stock_at
