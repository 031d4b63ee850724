#!lua
--[[
  room_load: puts what Postgres has back into a cleared room, before the room itself exists: its orders, and the operations
  that are in the totals it will begin with.

  KEYS     room     hash    must not exist yet
           answers  hash    order id -> epoch-seq|lines
           buyers   hash    buyer -> units, buyer|sku -> units
           ops      hash    op id -> epoch-seq
           lease    string  the node that may try
  ARGV     epoch, owner, n, n x opId, then for each order: orderId, answer, n, n x (counter, units)
  Answers  { opened } | { fenced, epoch } | { no_lease }

  An order that is there already is not counted again, so a page whose reply was lost may be loaded once more.
]]
local room, answers, buyers, ops, lease = unpack(KEYS)
local epoch, owner, op_count = unpack(ARGV, 1, 3)
local FIRST_OP = 4
local FIRST_ORDER = FIRST_OP + tonumber(op_count)

local stored_epoch = redis.call('HGET', room, 'epoch')
if stored_epoch then return { 'fenced', stored_epoch } end
if redis.call('GET', lease) ~= owner then return { 'no_lease' } end

for i = FIRST_OP, FIRST_ORDER - 1 do redis.call('HSET', ops, ARGV[i], epoch .. '-0') end

local at = FIRST_ORDER
while at <= #ARGV do
  local order_id, answer, counters = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local is_new = redis.call('HSETNX', answers, order_id, answer) == 1
  for n = 0, counters - 1 do
    if is_new then redis.call('HINCRBY', buyers, ARGV[at + 3 + 2 * n], ARGV[at + 4 + 2 * n]) end
  end
  at = at + 3 + 2 * counters
end
return { 'opened' }
