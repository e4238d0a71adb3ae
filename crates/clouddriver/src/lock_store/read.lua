-- Value and remaining life of one lock. Type first: a key that is not a string must not fail the whole batch.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return {'', -2} end
if kind ~= 'string' then return {kind, -3} end
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}
