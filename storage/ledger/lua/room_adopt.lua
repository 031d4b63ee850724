#!lua
--[[
  room_adopt: takes over a room as it stands. From here on every call of an earlier owner is refused.

  KEYS     room     hash    epoch, seq, batch, owner
           copy     list    what somebody remembers: a room beside it lacks some of that
           copying  list    a copy that never became whole
           lease    string  the node that may try
  ARGV     epoch, owner, and the epoch, seq and batch that it was seen to have
  Answers  { opened } | { fenced, epoch } | { no_lease } | { no_room }
]]
local room, copy, copying, lease = unpack(KEYS)
local epoch, owner, seen_epoch, seen_seq, seen_batch = unpack(ARGV)

local stored_epoch, seq, batch = unpack(redis.call('HMGET', room, 'epoch', 'seq', 'batch'))
if stored_epoch and tonumber(stored_epoch) >= tonumber(epoch) then return { 'fenced', stored_epoch } end
if redis.call('GET', lease) ~= owner then return { 'no_lease' } end
if not stored_epoch or redis.call('EXISTS', copy) == 1 then return { 'no_room' } end

if tonumber(stored_epoch) < tonumber(seen_epoch) then return { 'no_room' } end
local is_same_epoch = tonumber(stored_epoch) == tonumber(seen_epoch)
if is_same_epoch and (tonumber(seq) < tonumber(seen_seq) or tonumber(batch or 0) < tonumber(seen_batch)) then
  return { 'no_room' }
end

redis.call('UNLINK', copying)
redis.call('HSET', room, 'epoch', epoch, 'seq', 0, 'batch', 0, 'owner', owner)
return { 'opened' }
