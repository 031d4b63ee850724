#!lua
--[[
  room_rebuild: writes the room itself, after its answers and buyers were loaded. It is the gate: before it, nobody sells.

  KEYS     room   hash    written anew
           ops    hash    op id -> epoch-seq
           lease  string  the node that may try
  ARGV     epoch, owner, n, n x opId, then the room's other fields: field, value, ...
  Answers  { opened } | { fenced, epoch } | { no_lease }
]]
local room, ops, lease = unpack(KEYS)
local epoch, owner, op_count = unpack(ARGV, 1, 3)
local FIRST_OP = 4
local FIRST_FIELD = FIRST_OP + tonumber(op_count)

local stored_epoch = redis.call('HGET', room, 'epoch')
if stored_epoch and tonumber(stored_epoch) >= tonumber(epoch) then return { 'fenced', stored_epoch } end
if redis.call('GET', lease) ~= owner then return { 'no_lease' } end

for i = FIRST_OP, FIRST_FIELD - 1 do redis.call('HSET', ops, ARGV[i], epoch .. '-0') end
redis.call('DEL', room)
for i = FIRST_FIELD, #ARGV, 2 do redis.call('HSET', room, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', room, 'epoch', epoch, 'seq', 0, 'batch', 0, 'owner', owner)
return { 'opened' }
