-- KEYS: the stream. ARGV: the group, ids. Answers how many were pending.
return retire(KEYS[1], ARGV[1], {unpack(ARGV, 2)})
