-- Writes rows of the outbox to their streams, each exactly once, in one step with their markers.
-- KEYS: the hash of the markers, then the streams. ARGV: the epoch of the lease, how many markers to forget
-- and their rows, how many rows to write, and for each: row, how many events, and for each of these: the
-- position of its stream in KEYS, how many words, the words of its entry.
-- Answers 0 and the epoch of a later lease when there is one: nothing was done. Otherwise 1, what stood in
-- the way (or an empty text), and for each row how far it is: the number of events that are done, and on
-- lines of their own the position and the error of each that its stream will never take.
local markers, epoch = KEYS[1], ARGV[1]
local latest = redis.call('HGET', markers, 'epoch')
if latest and tonumber(latest) > tonumber(epoch) then
  return {0, latest}
end
if latest ~= epoch then
  redis.call('HSET', markers, 'epoch', epoch)
end
local at = 2
for _ = 1, tonumber(ARGV[at]) do
  at = at + 1
  redis.call('HDEL', markers, ARGV[at])
end
at = at + 1
local obstacle, states = '', {}
for r = 1, tonumber(ARGV[at]) do
  local row, events = ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 2
  local before = redis.call('HGET', markers, row)
  local done, refused = 0, ''
  if before then
    done, refused = string.match(before, '^(%d+)(.*)$')
    done = tonumber(done)
  end
  for e = 0, events - 1 do
    local words = tonumber(ARGV[at + 2])
    if e >= done and obstacle == '' then
      local reply = redis.pcall('XADD', KEYS[tonumber(ARGV[at + 1])], '*', unpack(ARGV, at + 3, at + 2 + words))
      local failed = type(reply) == 'table' and reply.err
      if failed and (string.find(failed, '^WRONGTYPE') or string.find(failed, 'exhausted')) then
        refused = refused .. '\n' .. e .. ' ' .. failed
        done = e + 1
      elseif failed then
        obstacle = failed
      else
        done = e + 1
      end
    end
    at = at + 2 + words
  end
  local state = done .. refused
  if done > 0 and state ~= before then
    redis.call('HSET', markers, row, state)
  end
  states[r] = state
end
return {1, obstacle, states}
