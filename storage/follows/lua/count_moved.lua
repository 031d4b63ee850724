--[[
  count_moved: somebody began or ceased to follow.
  KEYS     count  string: the creator's followers, expiring
  ARGV     by     1 or -1
  Answers  the count, or false when none is cached: then the next reader counts, and this follow is in it
]]
local count = KEYS[1]
local by = ARGV[1]

if redis.call('EXISTS', count) == 0 then return false end
return redis.call('INCRBY', count, by)
