--[[
  pace_take: may it be done once more, at a pace that all nodes share?
  KEYS     whole     string: the moment, in ms of Redis TIME, at which the whole allowance is back; expires at it
  ARGV     interval  ms between two
           burst     how many at once after a rest
  Answers  0 and counts it; else how many ms to wait, and nothing is counted
]]
local whole = KEYS[1]
local interval = tonumber(ARGV[1])
local burst = tonumber(ARGV[2])

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local from = math.max(tonumber(redis.call('GET', whole) or '0'), now)

local wait = from + interval - now - burst * interval
if wait > 0 then return math.ceil(wait) end

local ahead = math.ceil(from + interval)
redis.call('SET', whole, string.format('%.0f', ahead), 'PX', math.max(1, ahead - now))
return 0
