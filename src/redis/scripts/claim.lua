-- Takes entries over that nobody has touched for a time, from this consumer's former life as well.
-- KEYS: the stream. ARGV: group, consumer, least idle ms, start of the range, how many.
-- Answers the id to go on after, or an empty text at the end, and for each entry: entry, deliveries so
-- far, idle ms. Ids whose entry was deleted are acknowledged.
local key, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local found = redis.call('XPENDING', key, group, 'IDLE', ARGV[3], ARGV[4], '+', ARGV[5])
local taken = {}
for _, open in ipairs(found) do
  local id = open[1]
  local entry = redis.call('XRANGE', key, id, id)[1]
  if entry then
    redis.call('XCLAIM', key, group, consumer, 0, id, 'RETRYCOUNT', open[4], 'JUSTID')
    taken[#taken + 1] = {entry, open[4], open[3]}
  else
    redis.call('XACK', key, group, id)
  end
end
local last = ''
if #found == tonumber(ARGV[5]) then
  last = found[#found][1]
end
return {last, taken}
