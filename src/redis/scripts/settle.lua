-- Ends the repeat of operations that had failed: they are done, or one failed again.
-- KEYS: the dead letters, the decisions by id. ARGV: how many are done, their ids, then for one that failed again
-- its id, and names and values to put in the place of those with the same name. Answers the new id of that one.
local done = tonumber(ARGV[1])
for i = 2, done + 1 do
  redis.call('XDEL', KEYS[1], ARGV[i])
  redis.call('HDEL', KEYS[2], ARGV[i])
end
local id = ARGV[done + 2]
if not id then
  return false
end
local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
if not entry then
  return false
end
local fields, newer = {}, {}
for i = done + 3, #ARGV, 2 do
  newer[ARGV[i]] = true
end
for i = 1, #entry[2], 2 do
  if not newer[entry[2][i]] then
    fields[#fields + 1] = entry[2][i]
    fields[#fields + 1] = entry[2][i + 1]
  end
end
for i = done + 3, #ARGV do
  fields[#fields + 1] = ARGV[i]
end
redis.call('XDEL', KEYS[1], id)
redis.call('HDEL', KEYS[2], id)
return redis.call('XADD', KEYS[1], '*', unpack(fields))
