#!lua
--[[
  room_adjust: one change of a room that is not an order: its phase, or units that come (back) into the stock.

  KEYS     room     hash    epoch, seq, batch, phase, opensAt, left:<sku>
           buyers   hash    buyer -> units, buyer|sku -> units
           ops      hash    op id -> epoch-seq, released|order id -> epoch-seq
           log      stream  phase, op, at  |  restock (lines), op, at  |  release (order id), buyer, lines, op, at
  ARGV     epoch, prevSeq, prevBatch, batch, opId, kind, then
           phase:    to, early (yes | no), from, from, ...
           restock:  lines
           release:  orderId, buyer, lines
  Answers  { no_room } | { fenced, epoch } | { out_of_sequence, seq, batch }
           { repeated, position, now, phase, opensAt }
           { wrong_phase, phase, now, opensAt } | { early, opensAt, now } | { unknown_sku, sku }
           { applied, position, now, phase, opensAt, { sku, left, ... } }
  Rules    applied at most once per op id, and a release at most once per order; only what was applied is remembered

  Opening is a compare-and-set on the phase, judged by Redis TIME: whoever asks too early, or second, changes nothing.
  As in order_batch the XADD is the first write and the last command that can be refused.
]]
local room, buyers, ops, log = unpack(KEYS)
local epoch, prev_seq, prev_batch, batch, op_id, kind = unpack(ARGV, 1, 6)
local FIRST = 7

local stored_epoch, stored_seq, stored_batch, phase, opens_at =
  unpack(redis.call('HMGET', room, 'epoch', 'seq', 'batch', 'phase', 'opensAt'))
if not stored_epoch then return { 'no_room' } end
if tonumber(stored_epoch) ~= tonumber(epoch) then return { 'fenced', stored_epoch } end
if tonumber(stored_seq) ~= tonumber(prev_seq) or tonumber(stored_batch) ~= tonumber(prev_batch) then
  return { 'out_of_sequence', stored_seq, stored_batch }
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local at = string.format('%d', now)

local before = redis.call('HGET', ops, op_id)
if not before and kind == 'release' then before = redis.call('HGET', ops, 'released|' .. ARGV[FIRST]) end
if before then return { 'repeated', before, now, phase, opens_at } end

local seq = tonumber(stored_seq) + 1
local position = epoch .. '-' .. seq

local function remember(extra_op)
  redis.call('HSET', ops, op_id, position)
  if extra_op then redis.call('HSET', ops, extra_op, position) end
end

if kind == 'phase' then
  local to, early = ARGV[FIRST], ARGV[FIRST + 1] == 'yes'
  local expected = false
  for i = FIRST + 2, #ARGV do expected = expected or ARGV[i] == phase end
  if not expected then return { 'wrong_phase', phase, now, opens_at } end

  local opening = phase == 'scheduled' and to == 'open'
  if opening and not early and now < tonumber(opens_at) then return { 'early', opens_at, now } end
  if opening and early then opens_at = at end

  redis.call('XADD', log, position, 'phase', to, 'op', op_id, 'at', at)
  remember()
  redis.call('HSET', room, 'seq', seq, 'batch', batch, 'phase', to, 'opensAt', opens_at)
  return { 'applied', position, now, to, opens_at, {} }
end

local order_id, buyer, lines
if kind == 'restock' then lines = ARGV[FIRST]
else order_id, buyer, lines = unpack(ARGV, FIRST, FIRST + 2) end

local left_now, new_room, units, taken_back = {}, { 'seq', seq, 'batch', batch }, 0, {}
for sku, digits in string.gmatch(lines, '([^:,]+):(%d+)') do
  local left, qty = redis.call('HGET', room, 'left:' .. sku), tonumber(digits)
  if not left then return { 'unknown_sku', sku } end
  left = tonumber(left) + qty
  units = units + qty
  left_now[#left_now + 1] = sku
  left_now[#left_now + 1] = left
  new_room[#new_room + 1] = 'left:' .. sku
  new_room[#new_room + 1] = left

  if buyer then
    local counter = buyer .. '|' .. sku
    local had = redis.call('HGET', buyers, counter)
    if had then taken_back[counter] = math.max(0, tonumber(had) - qty) end
  end
end
if buyer then
  local had = redis.call('HGET', buyers, buyer)
  if had then taken_back[buyer] = math.max(0, tonumber(had) - units) end
end

if kind == 'restock' then
  redis.call('XADD', log, position, 'restock', lines, 'op', op_id, 'at', at)
  remember()
else
  redis.call('XADD', log, position, 'release', order_id, 'buyer', buyer, 'lines', lines, 'op', op_id, 'at', at)
  remember('released|' .. order_id)
end
for counter, has in pairs(taken_back) do redis.call('HSET', buyers, counter, has) end
redis.call('HSET', room, unpack(new_room))
return { 'applied', position, now, phase, opens_at, left_now }
