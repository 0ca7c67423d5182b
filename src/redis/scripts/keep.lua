-- Says that entries which wait here are not forgotten, so that nobody takes them over.
-- KEYS: the stream. ARGV: group, consumer, ids.
local key, group, consumer = KEYS[1], ARGV[1], ARGV[2]
for i = 3, #ARGV do
  local open = redis.call('XPENDING', key, group, ARGV[i], ARGV[i], 1)[1]
  if open and open[2] == consumer then
    redis.call('XCLAIM', key, group, consumer, 0, ARGV[i], 'RETRYCOUNT', open[4], 'JUSTID')
  end
end
return 0
