-- Takes consumers out of a group that have nothing pending and have not been heard of for a time.
-- KEYS: the stream. ARGV: group, least idle ms, beginning of the names, two names that stay.
local key, group = KEYS[1], ARGV[1]
local gone = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
  local consumer = {}
  for i = 1, #info, 2 do
    consumer[info[i]] = info[i + 1]
  end
  local name = consumer['name']
  if consumer['pending'] == 0 and consumer['idle'] >= tonumber(ARGV[2])
    and string.sub(name, 1, #ARGV[3]) == ARGV[3] and name ~= ARGV[4] and name ~= ARGV[5] then
    redis.call('XGROUP', 'DELCONSUMER', key, group, name)
    gone = gone + 1
  end
end
return gone
