-- Gives a lock back that is still one's own.
-- KEYS: the lock. ARGV: the token.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
