-- Takes a block of keys from a counter and answers its last key, or nothing when there is no counter.
-- KEYS: the counter. ARGV: how many; the least that it may say; what it says instead when it says less; what it
-- says when there is none, where an empty text is for doing nothing then.
local function less(a, b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end
local now = redis.call('GET', KEYS[1])
if not now then
  if ARGV[4] == '' then
    return false
  end
  redis.call('SET', KEYS[1], ARGV[4])
elseif less(now, ARGV[2]) then
  -- As text: a Lua number is too small for some keys.
  redis.call('SET', KEYS[1], ARGV[3])
end
redis.call('INCRBY', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[1])
