--[[
  pace_take: may it be done once more, at a pace that all nodes share?
  KEYS     whole     string: the moment, in us of Redis TIME, at which the whole allowance is back; expires at it
  ARGV     interval  ms between two, perhaps with a fraction
           burst     how many at once after a rest
  Answers  0 and counts it; else how many ms to wait, and nothing is counted
]]
local whole = KEYS[1]
-- In whole microseconds: rounded to milliseconds, a pace of three a second would refuse the second of two at once.
local interval = math.floor(tonumber(ARGV[1]) * 1000)
local burst = tonumber(ARGV[2])

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local from = math.max(tonumber(redis.call('GET', whole) or '0'), now)

local wait = from + interval - now - burst * interval
if wait > 0 then return math.ceil(wait / 1000) end

local ahead = from + interval
redis.call('SET', whole, string.format('%.0f', ahead), 'PX', math.max(1, math.ceil((ahead - now) / 1000)))
return 0
