-- Decides about an operation that failed: it is to be tried again, or it is moved to those that were given up.
-- KEYS: the dead letters, the decisions by id, the count of decisions, those given up.
-- ARGV: replay or discard, id, then names and values to add to what is given up. Answers 1, or 0 when there is none.
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if not entry then
  return 0
end
if ARGV[1] == 'replay' then
  redis.call('HSET', KEYS[2], ARGV[2], 'replay')
else
  local fields = entry[2]
  for i = 3, #ARGV do
    fields[#fields + 1] = ARGV[i]
  end
  redis.call('XADD', KEYS[4], '*', unpack(fields))
  redis.call('XDEL', KEYS[1], ARGV[2])
  redis.call('HDEL', KEYS[2], ARGV[2])
end
redis.call('INCR', KEYS[3])
return 1
