-- Takes a consumer out of its group, after its pending entries were handed to another consumer.
-- KEYS: the stream. ARGV: group, consumer.
-- Answers how many entries it keeps: it stays when there is nobody to take them.
local key, group, own = KEYS[1], ARGV[1], ARGV[2]
local heir, least, pending
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
  local consumer = {}
  for i = 1, #info, 2 do
    consumer[info[i]] = info[i + 1]
  end
  if consumer['name'] == own then
    pending = consumer['pending']
  elseif not least or consumer['idle'] < least then
    heir, least = consumer['name'], consumer['idle']
  end
end
if not pending then
  return 0
end
if pending > 0 then
  if not heir then
    return pending
  end
  while true do
    local open = redis.call('XPENDING', key, group, '-', '+', 500, own)
    if #open == 0 then break end
    for _, entry in ipairs(open) do
      -- Old enough to be claimed by whoever looks next: the heir does not know of them.
      redis.call('XCLAIM', key, group, heir, 0, entry[1],
        'IDLE', math.max(entry[3], 86400000), 'RETRYCOUNT', entry[4], 'JUSTID')
      if #redis.call('XPENDING', key, group, entry[1], entry[1], 1, own) > 0 then
        redis.call('XACK', key, group, entry[1])
      end
    end
  end
end
redis.call('XGROUP', 'DELCONSUMER', key, group, own)
return 0
