#!lua flags=allow-oom
--[[
  room_clear: removes a room and all it remembers, so that nobody sells from it while it is loaded anew.
  The log stays: entries that Postgres has not written yet are nowhere else.

  KEYS     room, answers, buyers, ops  hashes
           lease                       string  the node that may try
  ARGV     epoch, owner
  Answers  { opened } | { fenced, epoch } | { no_lease }

  It only frees memory, so it may also run when there is none left.
]]
local room, answers, buyers, ops, lease = unpack(KEYS)
local epoch, owner = unpack(ARGV)

local stored_epoch = redis.call('HGET', room, 'epoch')
if stored_epoch and tonumber(stored_epoch) >= tonumber(epoch) then return { 'fenced', stored_epoch } end
if redis.call('GET', lease) ~= owner then return { 'no_lease' } end

-- UNLINK frees the memory beside the commands: an answers hash may hold a million orders.
redis.call('UNLINK', room, answers, buyers, ops)
return { 'opened' }
