-- Moves an entry to the dead-letter stream, whole, in one step with its acknowledgement.
-- KEYS: the stream, the dead-letter stream. ARGV: group, id, then names and values to add.
-- Answers the id over there, or nothing when the entry is not pending any more.
local key, group, id = KEYS[1], ARGV[1], ARGV[2]
if #redis.call('XPENDING', key, group, id, id, 1) == 0 then
  return false
end
local entry = redis.call('XRANGE', key, id, id)[1]
if not entry then
  redis.call('XACK', key, group, id)
  return false
end
local fields = entry[2]
for i = 3, #ARGV do
  fields[#fields + 1] = ARGV[i]
end
local dead = redis.call('XADD', KEYS[2], '*', unpack(fields))
retire(key, group, {id})
return dead
