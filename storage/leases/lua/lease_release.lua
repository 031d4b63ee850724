#!lua
--[[
  lease_release: gives a lease up, unless it is somebody else's by now.

  KEYS     lease  string  the node that holds it
  ARGV     node
  Answers  released | lost
]]
local lease = unpack(KEYS)
local node = unpack(ARGV)

if redis.call('GET', lease) ~= node then return 'lost' end

redis.call('DEL', lease)
return 'released'
