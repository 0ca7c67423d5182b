-- Takes entries for one more delivery that are still pending for this very consumer.
-- KEYS: the stream. ARGV: group, consumer, then id and number of deliveries in turn.
-- Answers the entries; ids whose entry was deleted are acknowledged.
local key, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local taken = {}
for i = 3, #ARGV, 2 do
  local id = ARGV[i]
  local open = redis.call('XPENDING', key, group, id, id, 1)[1]
  if open and open[2] == consumer then
    local entry = redis.call('XRANGE', key, id, id)[1]
    if entry then
      redis.call('XCLAIM', key, group, consumer, 0, id, 'RETRYCOUNT', ARGV[i + 1], 'JUSTID')
      taken[#taken + 1] = entry
    else
      redis.call('XACK', key, group, id)
    end
  end
end
return taken
