-- ARGV: value seen, remaining life expected (ms), tolerance (ms), our mark, new life (ms).
-- Always with PX: a lock without an end would keep the agent from running for ever.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local left = redis.call('PTTL', KEYS[1])
if left < 0 or math.abs(left - tonumber(ARGV[2])) > tonumber(ARGV[3]) then return 0 end
if redis.call('SET', KEYS[1], ARGV[4], 'XX', 'PX', ARGV[5]) then return 1 end
return 0
