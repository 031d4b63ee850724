#!lua
--[[
  lease_renew: extends a lease that is still this node's.

  KEYS     lease  string  the node that holds it
  ARGV     node, ttlMs
  Answers  renewed | lost
]]
local lease = unpack(KEYS)
local node, ttl_ms = unpack(ARGV)

if redis.call('GET', lease) ~= node then return 'lost' end

redis.call('PEXPIRE', lease, ttl_ms)
return 'renewed'
