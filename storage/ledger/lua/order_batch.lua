#!lua
--[[
  order_batch: the only place where stock falls. Judges up to 256 claims of one drop, in order, in one go.

  KEYS     room     hash    epoch, seq, batch, phase, opensAt, closesAt, limit, left:<sku>, limit:<sku>
           answers  hash    order id -> epoch-seq|lines
           buyers   hash    buyer -> units, buyer|sku -> units
           log      stream  order, buyer, key, lines, at; under the id epoch-seq
  ARGV     epoch, prevSeq, prevBatch, batch, promised (n,n,... the claims that an earlier owner accepted),
           then for each claim: orderId, buyer, key, lines (sku:qty,sku:qty)
  Answers  { no_room } | { fenced, epoch } | { out_of_sequence, seq, batch }
           { ok, seq, now, phase, opensAt, { sku, left, ... }, { verdict, ... } }
           verdict: accepted (takes the next seq) | duplicate epoch-seq | mismatch | invalid | limit_reached | sold_out
                    | early | paused | closed
  Rules    all lines of a claim or none; a known order is answered in every phase; only accepted claims are remembered;
           a promised one is taken in every phase; the batch is stored when it has written something

  Lua is isolated, not transactional: everything is read, then everything is decided, then written. The first XADD is the
  last command that can be refused (Redis takes no id that is not higher), and nothing is written before it. The shebang
  makes Redis refuse the whole script before it starts when memory is full.
]]
local room, answers, buyers, log = unpack(KEYS)
local epoch, prev_seq, prev_batch, batch, promised_text = unpack(ARGV, 1, 5)
local ARGS_BEFORE, ARGS_PER_CLAIM = 5, 4
local count = (#ARGV - ARGS_BEFORE) / ARGS_PER_CLAIM
-- unpack() fails beyond 8000 values, and between two writes that would be fatal
local VALUES_PER_CALL = 4000

local function read_fields(key, fields)
  if #fields == 0 then return {} end
  if #fields <= VALUES_PER_CALL then return redis.call('HMGET', key, unpack(fields)) end
  local values = {}
  for from = 1, #fields, VALUES_PER_CALL do
    local to = math.min(from + VALUES_PER_CALL - 1, #fields)
    local part = redis.call('HMGET', key, unpack(fields, from, to))
    for i = 1, to - from + 1 do values[from + i - 1] = part[i] end
  end
  return values
end

local function write_fields(key, pairs_list)
  for from = 1, #pairs_list, VALUES_PER_CALL do
    redis.call('HSET', key, unpack(pairs_list, from, math.min(from + VALUES_PER_CALL - 1, #pairs_list)))
  end
end

-- An order's text becomes { skus, qtys, units }, or { bad = true } when it is not what the contract says.
local function parse(text)
  local skus, qtys, units, seen, length = {}, {}, 0, {}, -1
  for sku, digits in string.gmatch(text, '([^:,]+):(%d+)') do
    local qty = tonumber(digits)
    if seen[sku] or qty < 1 then return { bad = true } end
    seen[sku] = true
    skus[#skus + 1] = sku
    qtys[#qtys + 1] = qty
    units = units + qty
    length = length + #sku + #digits + 2
  end
  if length ~= #text then return { bad = true } end
  return { skus = skus, qtys = qtys, units = units }
end

-- Who asks for what. Most orders of a batch say the same few texts, so each text is read once.
local ids, who, texts, asks = {}, {}, {}, {}
local parsed, skus, known_sku = {}, {}, {}
for i = 1, count do
  local at = ARGS_BEFORE + (i - 1) * ARGS_PER_CLAIM
  local text = ARGV[at + 4]
  local ask = parsed[text]
  if not ask then
    ask = parse(text)
    parsed[text] = ask
    for _, sku in ipairs(ask.skus or {}) do
      if not known_sku[sku] then
        known_sku[sku] = true
        skus[#skus + 1] = sku
      end
    end
  end
  ids[i], who[i], texts[i], asks[i] = ARGV[at + 1], ARGV[at + 2], text, ask
end

-- The room, and whether this caller may speak in it.
local fields = { 'epoch', 'seq', 'batch', 'phase', 'opensAt', 'closesAt', 'limit' }
local FIXED = #fields
for _, sku in ipairs(skus) do
  fields[#fields + 1] = 'left:' .. sku
  fields[#fields + 1] = 'limit:' .. sku
end
local stored = read_fields(room, fields)
local stored_epoch, stored_seq, stored_batch, phase, opens_at, closes_at, limit_text = unpack(stored, 1, FIXED)
if not stored_epoch then return { 'no_room' } end
if tonumber(stored_epoch) ~= tonumber(epoch) then return { 'fenced', stored_epoch } end
if tonumber(stored_seq) ~= tonumber(prev_seq) or tonumber(stored_batch) ~= tonumber(prev_batch) then
  return { 'out_of_sequence', stored_seq, stored_batch }
end

local left, limit_of = {}, {}
for i, sku in ipairs(skus) do
  left[sku] = tonumber(stored[FIXED + 2 * i - 1])
  limit_of[sku] = tonumber(stored[FIXED + 2 * i])
end
local limit = tonumber(limit_text)

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- The one word that every new order hears while the drop does not sell. A drop past its end is closed, whatever its phase.
local shut
if phase == 'closed' or phase == 'cancelled' or (closes_at ~= '' and now >= tonumber(closes_at)) then shut = 'closed'
elseif phase == 'scheduled' then shut = 'early'
elseif phase == 'paused' then shut = 'paused'
elseif now < tonumber(opens_at) then shut = 'early'
end

local promised = {}
for n in string.gmatch(promised_text, '%d+') do promised[tonumber(n)] = true end

-- What these orders were answered before, and what their buyers have.
local answer_of = {}
for i, answer in ipairs(read_fields(answers, ids)) do
  if answer then answer_of[ids[i]] = answer end
end
local units, counters = {}, {}
for i = 1, count do
  if not shut or promised[i] then
    local buyer = who[i]
    if not units[buyer] then
      units[buyer] = 0
      counters[#counters + 1] = buyer
    end
    for _, sku in ipairs(asks[i].skus or {}) do
      local counter = limit_of[sku] and buyer .. '|' .. sku
      if counter and not units[counter] then
        units[counter] = 0
        counters[#counters + 1] = counter
      end
    end
  end
end
for i, had in ipairs(read_fields(buyers, counters)) do
  units[counters[i]] = tonumber(had) or 0
end

local seq, taken, sold, counted = tonumber(stored_seq), {}, {}, {}

local function judge(i)
  local answer, ask, buyer = answer_of[ids[i]], asks[i], who[i]
  if answer then
    local bar = string.find(answer, '|', 1, true)
    if string.sub(answer, bar + 1) ~= texts[i] then return 'mismatch' end
    return 'duplicate ' .. string.sub(answer, 1, bar - 1)
  end
  if shut and not promised[i] then return shut end
  if ask.bad then return 'invalid' end

  local wanted, qtys = ask.skus, ask.qtys
  for n = 1, #wanted do
    if not left[wanted[n]] then return 'invalid' end
  end
  if limit and units[buyer] + ask.units > limit then return 'limit_reached' end
  for n = 1, #wanted do
    local most = limit_of[wanted[n]]
    if most and units[buyer .. '|' .. wanted[n]] + qtys[n] > most then return 'limit_reached' end
  end
  for n = 1, #wanted do
    if left[wanted[n]] < qtys[n] then return 'sold_out' end
  end

  seq = seq + 1
  answer_of[ids[i]] = epoch .. '-' .. seq .. '|' .. texts[i]
  taken[#taken + 1] = i
  units[buyer] = units[buyer] + ask.units
  counted[buyer] = true
  for n = 1, #wanted do
    local sku = wanted[n]
    left[sku] = left[sku] - qtys[n]
    sold[sku] = true
    if limit_of[sku] then
      local counter = buyer .. '|' .. sku
      units[counter] = units[counter] + qtys[n]
      counted[counter] = true
    end
  end
  return 'accepted'
end

local verdicts = {}
for i = 1, count do verdicts[i] = judge(i) end

-- Nothing can be refused after the first XADD.
local left_now = {}
if #taken > 0 then
  local at, new_answers, new_units = string.format('%d', now), {}, {}
  for n, i in ipairs(taken) do
    local id = ids[i]
    local position = epoch .. '-' .. (tonumber(stored_seq) + n)
    local key = ARGV[ARGS_BEFORE + (i - 1) * ARGS_PER_CLAIM + 3]
    redis.call('XADD', log, position, 'order', id, 'buyer', who[i], 'key', key, 'lines', texts[i], 'at', at)
    new_answers[2 * n - 1], new_answers[2 * n] = id, answer_of[id]
  end
  for counter in pairs(counted) do
    new_units[#new_units + 1] = counter
    new_units[#new_units + 1] = units[counter]
  end
  write_fields(answers, new_answers)
  write_fields(buyers, new_units)

  local new_room = { 'seq', seq, 'batch', batch }
  for _, sku in ipairs(skus) do
    if sold[sku] then
      new_room[#new_room + 1] = 'left:' .. sku
      new_room[#new_room + 1] = left[sku]
      left_now[#left_now + 1] = sku
      left_now[#left_now + 1] = left[sku]
    end
  end
  write_fields(room, new_room)
end

return { 'ok', seq, now, phase, opens_at, left_now, verdicts }
