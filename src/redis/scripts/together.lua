-- Runs commands, when a lock is still held or without one: all of them, with nothing of others between them. For a
-- client that cannot read an error reply within the answer to EXEC, errors are told as text.
-- KEYS: the lock. ARGV: its token, or an empty text for no lock; then for each command the number of its words, and
-- its words. Answers nothing when the lock is not held, else for each command {1, its answer} or {0, the text of its
-- error}.
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
local answers, at = {}, 2
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  local answer = redis.pcall(unpack(ARGV, at + 1, at + words))
  if type(answer) == 'table' and answer.err then
    answers[#answers + 1] = {0, answer.err}
  else
    answers[#answers + 1] = {1, answer}
  end
  at = at + words + 1
end
return answers
