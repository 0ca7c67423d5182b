-- Acknowledges entries for one group, and deletes those that every group has acknowledged.
-- (The functions that the scripts about groups begin with.)
local function digits_less(a, b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end

-- Whether id a comes after id b. They are compared as text: a Lua number is too small for them.
local function after(a, b)
  local ams, aseq = string.match(a, '^(%d+)-(%d+)$')
  local bms, bseq = string.match(b, '^(%d+)-(%d+)$')
  if ams ~= bms then
    return digits_less(bms, ams)
  end
  return digits_less(bseq, aseq)
end

local function groups_of(key)
  local groups = {}
  for i, info in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local group = {}
    for j = 1, #info, 2 do
      group[info[j]] = info[j + 1]
    end
    groups[i] = group
  end
  return groups
end

local function retire(key, own, ids)
  local acked = redis.call('XACK', key, own, unpack(ids))
  if redis.call('EXISTS', key) == 0 then
    return acked
  end
  local groups = groups_of(key)
  if #groups == 1 and groups[1]['name'] == own then
    redis.call('XDEL', key, unpack(ids))
    return acked
  end
  local keep = {}
  for _, group in ipairs(groups) do
    local name = group['name']
    if name ~= own then
      local delivered, pending = group['last-delivered-id'], group['pending']
      for _, id in ipairs(ids) do
        if after(id, delivered) then
          keep[id] = true
        elseif pending > 0 and not keep[id] and #redis.call('XPENDING', key, name, id, id, 1) > 0 then
          keep[id] = true
        end
      end
    end
  end
  local done = {}
  for _, id in ipairs(ids) do
    if not keep[id] then
      done[#done + 1] = id
    end
  end
  if #done > 0 then
    redis.call('XDEL', key, unpack(done))
  end
  return acked
end
