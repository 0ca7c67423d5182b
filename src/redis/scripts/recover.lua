-- Lists what is pending for this consumer, without counting it as a delivery.
-- KEYS: the stream. ARGV: group, consumer, start of the range, how many.
-- Answers as claim.lua does.
local key, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local found = redis.call('XPENDING', key, group, ARGV[3], '+', ARGV[4], consumer)
local own = {}
for _, open in ipairs(found) do
  local id = open[1]
  local entry = redis.call('XRANGE', key, id, id)[1]
  if entry then
    own[#own + 1] = {entry, open[4], open[3]}
  else
    redis.call('XACK', key, group, id)
  end
end
local last = ''
if #found == tonumber(ARGV[4]) then
  last = found[#found][1]
end
return {last, own}
