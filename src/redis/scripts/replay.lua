-- Brings dead letters back to their stream, for the group that could not handle them.
-- KEYS: the dead-letter stream, the stream. ARGV: the name of the field that names the group, ids.
-- Answers how many there were.
local replayed = 0
for i = 2, #ARGV do
  local entry = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if entry then
    local fields, group = {}, nil
    for j = 1, #entry[2], 2 do
      local name, value = entry[2][j], entry[2][j + 1]
      if name == 'dead:group' then
        group = value
      end
      if string.sub(name, 1, 5) ~= 'dead:' then
        fields[#fields + 1] = name
        fields[#fields + 1] = value
      end
    end
    if group then
      -- Whom it is for has to be there before the others may let it go.
      redis.pcall('XGROUP', 'CREATE', KEYS[2], group, '0', 'MKSTREAM')
      fields[#fields + 1] = ARGV[1]
      fields[#fields + 1] = group
    end
    if #fields == 0 then
      fields = {'dead:empty', '1'}
    end
    redis.call('XADD', KEYS[2], '*', unpack(fields))
    redis.call('XDEL', KEYS[1], ARGV[i])
    replayed = replayed + 1
  end
end
return replayed
