#!lua
--[[
  room_rebuild: writes the room itself, after everything else was loaded. It is the gate: before it, nobody sells.

  KEYS     room           hash    written anew
           answers        hash    order id -> epoch-seq|lines
           copy           list    what was remembered of the drop and read before: Postgres has it by now
           copying        list    one that is not whole
           lease          string  the node that may try
  ARGV     epoch, owner, head of the copy that was read ('' for none), n, n x orderId, then the room's other fields: field, value, ...
  Answers  { opened } | { fenced, epoch } | { no_lease } | { forgotten }

  Redis may have gone back since the loads. Each of them left an order; if one is missing there is no room, for whoever
  comes next takes a room that is there for whole. Nor is there one while somebody's memory lies there unread.
]]
local room, answers, copy, copying, lease = unpack(KEYS)
local epoch, owner, read_head, mark_count = unpack(ARGV, 1, 4)
local FIRST_MARK = 5
local FIRST_FIELD = FIRST_MARK + tonumber(mark_count)

local stored_epoch = redis.call('HGET', room, 'epoch')
if stored_epoch and tonumber(stored_epoch) >= tonumber(epoch) then return { 'fenced', stored_epoch } end
if redis.call('GET', lease) ~= owner then return { 'no_lease' } end
if (redis.call('LINDEX', copy, 0) or '') ~= read_head then return { 'forgotten' } end
for i = FIRST_MARK, FIRST_FIELD - 1 do
  if redis.call('HEXISTS', answers, ARGV[i]) == 0 then return { 'forgotten' } end
end

redis.call('UNLINK', room, copy, copying)
for i = FIRST_FIELD, #ARGV, 2 do redis.call('HSET', room, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', room, 'epoch', epoch, 'seq', 0, 'batch', 0, 'owner', owner)
return { 'opened' }
