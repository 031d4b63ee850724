#!lua
--[[
  room_rebuild: writes the room itself, after everything else was loaded. It is the gate: before it, nobody sells.

  KEYS     room   hash    written anew
           lease  string  the node that may try
  ARGV     epoch, owner, then the room's other fields: field, value, ...
  Answers  { opened } | { fenced, epoch } | { no_lease }
]]
local room, lease = unpack(KEYS)
local epoch, owner = unpack(ARGV, 1, 2)
local FIRST_FIELD = 3

local stored_epoch = redis.call('HGET', room, 'epoch')
if stored_epoch and tonumber(stored_epoch) >= tonumber(epoch) then return { 'fenced', stored_epoch } end
if redis.call('GET', lease) ~= owner then return { 'no_lease' } end

redis.call('DEL', room)
for i = FIRST_FIELD, #ARGV, 2 do redis.call('HSET', room, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', room, 'epoch', epoch, 'seq', 0, 'batch', 0, 'owner', owner)
return { 'opened' }
