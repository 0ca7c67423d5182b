-- Remembers event ids, and tells which entry brought each of them first.
-- KEYS: one for each event id. ARGV: how long in ms, then the entry id for each key.
local first = {}
for i, key in ipairs(KEYS) do
  if redis.call('SET', key, ARGV[i + 1], 'NX', 'PX', ARGV[1]) then
    first[i] = ARGV[i + 1]
  else
    first[i] = redis.call('GET', key)
  end
end
return first
