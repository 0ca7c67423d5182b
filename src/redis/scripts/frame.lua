-- What MULTI and EXEC do, for a client that cannot read an error reply within another answer.
-- ARGV: for each command the number of its words, and its words.
-- Answers for each command: {1, its answer} or {0, the text of its error}.
local answers, at = {}, 1
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
