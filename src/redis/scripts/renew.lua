-- Takes a lock, or keeps it for longer when it is one's own; 1 when it is.
-- KEYS: the lock. ARGV: the token, how long in ms.
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
if not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0
