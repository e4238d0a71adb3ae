-- ARGV: value seen, remaining life expected (ms), tolerance (ms).
-- A run that began meanwhile on the same replica has the same value, but a life that is longer by a whole timeout.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local left = redis.call('PTTL', KEYS[1])
if left < 0 or math.abs(left - tonumber(ARGV[2])) > tonumber(ARGV[3]) then return 0 end
return redis.call('DEL', KEYS[1])
