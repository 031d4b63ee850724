#!lua
--[[
  room_copy: a page of what somebody remembers of a drop, set down beside its room for whoever builds that anew. The copy
  counts once it is whole, and stands until the room is open again.

  KEYS     room     hash    epoch
           copy     list    head, page, page, ...
           copying  list    the same, of a copy that is not whole yet
  ARGV     epoch, seq, batch, pages, number of this page from 0, page
  Answers  { copied } | { goes_on } | { fenced, epoch } | { forgotten }

  A later owner needs no memory of an earlier one: that one hands over its orders. Of two copies the one stays that has
  come further. A page that does not follow the one before ends the attempt: one was lost, or another hand came between.
]]
local room, copy, copying = unpack(KEYS)
local epoch, seq, batch, pages, number, page = unpack(ARGV)
local head = epoch .. ' ' .. seq .. ' ' .. batch .. ' ' .. pages

local stored_epoch = redis.call('HGET', room, 'epoch')
if stored_epoch and tonumber(stored_epoch) > tonumber(epoch) then return { 'fenced', stored_epoch } end

local function is_older(other)
  local its_epoch, its_seq, _, its_pages = string.match(other, '^(%d+) (%d+) (%d+) (%d+)$')
  if tonumber(its_epoch) ~= tonumber(epoch) then return tonumber(its_epoch) < tonumber(epoch) end
  if tonumber(its_seq) ~= tonumber(seq) then return tonumber(its_seq) < tonumber(seq) end
  return tonumber(its_pages) < tonumber(pages)
end
local whole = redis.call('LINDEX', copy, 0)
if whole and not is_older(whole) then return { 'copied' } end

if tonumber(number) == 0 then
  redis.call('UNLINK', copying)
  redis.call('RPUSH', copying, head)
elseif redis.call('LINDEX', copying, 0) ~= head or redis.call('LLEN', copying) ~= tonumber(number) + 1 then
  return { 'forgotten' }
end
redis.call('RPUSH', copying, page)
if tonumber(number) + 1 < tonumber(pages) then return { 'goes_on' } end

redis.call('UNLINK', copy)
redis.call('RENAME', copying, copy)
return { 'copied' }
