-- Takes a lock, or keeps it for longer when it is one's own.
-- KEYS: the lock, who took it last. ARGV: the token, how long in ms.
-- Answers 0 when somebody else has it, 1 when nobody else has had it since it was taken, 2 when it was taken now.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if redis.call('GET', KEYS[2]) == ARGV[1] then
  return 1
end
redis.call('SET', KEYS[2], ARGV[1])
return 2
