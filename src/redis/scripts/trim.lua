-- Keeps a stream within its bounds and counts what is lost by it.
-- KEYS: the stream. ARGV: most entries or -1, greatest age in ms or -1.
-- Answers: how many entries were cut, and how many of them some group had not acknowledged.
local key = KEYS[1]
local max_len = tonumber(ARGV[1])
local max_age = tonumber(ARGV[2])
local most = 5000
local cut = {}
if max_len >= 0 then
  local over = redis.call('XLEN', key) - max_len
  if over > 0 then
    cut = redis.call('XRANGE', key, '-', '+', 'COUNT', math.min(over, most))
  end
end
if max_age >= 0 then
  local now = redis.call('TIME')
  local limit = now[1] * 1000 + math.floor(now[2] / 1000) - max_age
  if limit > 0 then
    local old = redis.call('XRANGE', key, '-', string.format('%.0f', limit - 1), 'COUNT', most)
    if #old > #cut then
      cut = old
    end
  end
end
if #cut == 0 then
  return {0, 0}
end
local last = cut[#cut][1]
local unread = {}
local lost = 0
local function count(id)
  if not unread[id] then
    unread[id] = true
    lost = lost + 1
  end
end
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return ms, seq
end
-- Ids are compared as text of equal length: a Lua number is too small for them.
local function digits_less(a, b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end
local function after(a, b)
  local ams, aseq = parts(a)
  local bms, bseq = parts(b)
  if ams ~= bms then
    return digits_less(bms, ams)
  end
  return digits_less(bseq, aseq)
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
  local name, delivered, pending
  for i = 1, #group, 2 do
    if group[i] == 'name' then name = group[i + 1] end
    if group[i] == 'last-delivered-id' then delivered = group[i + 1] end
    if group[i] == 'pending' then pending = group[i + 1] end
  end
  if after(last, delivered) then
    for i = #cut, 1, -1 do
      if not after(cut[i][1], delivered) then break end
      count(cut[i][1])
    end
  end
  if pending > 0 then
    local open = redis.call('XPENDING', key, name, '-', last, math.min(pending, most))
    for _, entry in ipairs(open) do
      count(entry[1])
      redis.call('XACK', key, name, entry[1])
    end
  end
end
local keep = redis.call('XRANGE', key, '(' .. last, '+', 'COUNT', 1)
if #keep == 0 then
  redis.call('XTRIM', key, 'MAXLEN', '=', 0)
else
  redis.call('XTRIM', key, 'MINID', '=', keep[1][1])
end
return {#cut, lost}
