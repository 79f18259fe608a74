-- The registry of a cluster: who is a node, and which node is the home of which room.
--
-- Each call is one transition, done in one step: it compares, changes and publishes to all nodes.
--
-- KEYS  1 the last epoch given          string
--       2 the last nid given            string
--       3 nodes                         hash: name -> "nid incarnation description"
--       4 nids in use                   hash: nid -> "incarnation name"
--       5 leases                        sorted set: nid -> their end, ms since 1970
--       6 homes of rooms                hash: room -> "epoch nid incarnation"
-- ARGV  1 the transition, 2 the beginning of all channels, 3... what the transition takes
local EPOCH, NID, NODES, NIDS, LEASES, HOMES = unpack(KEYS)
local transition, channels = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Version 1, kind 100, no sender, no sequence; then JSON.
local function publish(event)
    redis.call('PUBLISH', channels .. ':a', '\1\100\0\0\0\0\0\0' .. cjson.encode(event))
end

-- How long the lease of a nid lasts: milliseconds, 0 when it is over.
local function remaining(nid)
    return math.max(0, tonumber(redis.call('ZSCORE', LEASES, nid) or 0) - now)
end

-- How many hear the inbox of a nid.
local function heard(nid)
    return redis.call('PUBSUB', 'NUMSUB', channels .. ':n:' .. nid)[2]
end

-- The name of the node that has a nid in an incarnation; nil if there is none.
local function name_of(nid, incarnation)
    local held, name = string.match(redis.call('HGET', NIDS, nid) or '', '^(%S+) (.*)$')
    return held == incarnation and name or nil
end

-- All nodes, seven values each.
local function members()
    local found, held = {}, redis.call('HGETALL', NODES)
    for at = 1, #held, 2 do
        local nid, incarnation, description = string.match(held[at + 1], '^(%d+) (%S+) (.*)$')
        found[#found + 1] = held[at]
        found[#found + 1] = nid
        found[#found + 1] = incarnation
        found[#found + 1] = remaining(nid)
        found[#found + 1] = heard(nid)
        found[#found + 1] = description
    end
    return found
end

-- Remove all that carries an incarnation.
local function forget(nid, incarnation, name, why)
    redis.call('HDEL', NIDS, nid)
    redis.call('HDEL', NODES, name)
    redis.call('ZREM', LEASES, nid)
    local cursor, ending = '0', ' ' .. nid .. ' ' .. incarnation
    repeat
        local step = redis.call('HSCAN', HOMES, cursor, 'COUNT', 1000)
        cursor = step[1]
        for at = 1, #step[2], 2 do
            if string.sub(step[2][at + 1], -#ending) == ending then
                redis.call('HDEL', HOMES, step[2][at])
            end
        end
    until cursor == '0'
    publish({kind = 'gone', node = name, nid = nid, incarnation = incarnation, why = why})
end

-- The next nid that no node has.
local function free_nid()
    -- After a registry was lost, the first one is one that is hardly still in use.
    local last = tonumber(redis.call('GET', NID) or math.floor(now / 1000))
    repeat
        last = last % 65535 + 1
    until redis.call('HEXISTS', NIDS, last) == 0
    redis.call('SET', NID, last)
    return tostring(last)
end

local function join(name, incarnation, lease, description)
    local held = redis.call('HGET', NODES, name)
    local nid
    if held then
        local there, of, described = string.match(held, '^(%d+) (%S+) (.*)$')
        if of == incarnation then
            nid = there -- asked again, since the answer was lost
        elseif remaining(there) > 0 then
            return {'taken', there, of, remaining(there), described}
        else
            forget(there, of, name, 'buried')
        end
    end
    nid = nid or free_nid()
    redis.call('HSET', NODES, name, nid .. ' ' .. incarnation .. ' ' .. description)
    redis.call('HSET', NIDS, nid, incarnation .. ' ' .. name)
    redis.call('ZADD', LEASES, now + lease, nid)
    publish({
        kind = 'joined', node = name, nid = nid, incarnation = incarnation,
        description = description,
    })
    return {'joined', nid, members()}
end

local function renew(nid, incarnation, lease)
    if not name_of(nid, incarnation) then return {'forgotten'} end
    redis.call('ZADD', LEASES, now + lease, nid)
    return {'renewed', members()}
end

local function claim(nid, incarnation, room, asserted)
    local name = name_of(nid, incarnation)
    if not name then return {'forgotten'} end
    local held = redis.call('HGET', HOMES, room)
    if held then
        local epoch, owner, of = string.match(held, '^(%d+) (%d+) (%S+)$')
        local owner_name = name_of(owner, of)
        if tonumber(asserted) > tonumber(epoch) then owner_name = nil end
        -- A step of the broker's clock ends all leases at once, but leaves the nodes heard.
        if owner_name and (owner == nid or remaining(owner) > 0 or heard(owner) > 0) then
            return {'home', epoch, owner, owner_name}
        end
    end
    local last = tonumber(redis.call('GET', EPOCH) or 0)
    local epoch = asserted
    if asserted == '0' then
        epoch = string.format('%.0f', math.max(last + 1, now))
    end
    redis.call('SET', EPOCH, string.format('%.0f', math.max(last, tonumber(epoch))))
    redis.call('HSET', HOMES, room, epoch .. ' ' .. nid .. ' ' .. incarnation)
    publish({kind = 'claimed', room = room, epoch = epoch, nid = nid, node = name})
    return {'home', epoch, nid, name}
end

-- Give the home of a room to another node, unless the reign is over or that node is gone.
local function hand(nid, incarnation, room, epoch, to)
    local of, name = string.match(redis.call('HGET', NIDS, to) or '', '^(%S+) (.*)$')
    local held = epoch .. ' ' .. nid .. ' ' .. incarnation
    if redis.call('HGET', HOMES, room) ~= held or not of or remaining(to) == 0 then
        return {'kept'}
    end
    local last = tonumber(redis.call('GET', EPOCH) or 0)
    local next_epoch = string.format('%.0f', math.max(last + 1, now))
    redis.call('SET', EPOCH, next_epoch)
    redis.call('HSET', HOMES, room, next_epoch .. ' ' .. to .. ' ' .. of)
    publish({kind = 'claimed', room = room, epoch = next_epoch, nid = to, node = name})
    return {'home', next_epoch, to, name}
end

local function release(nid, incarnation, room, epoch)
    local held = epoch .. ' ' .. nid .. ' ' .. incarnation
    if redis.call('HGET', HOMES, room) ~= held then return {'kept'} end
    redis.call('HDEL', HOMES, room)
    publish({kind = 'released', room = room, epoch = epoch})
    return {'released'}
end

local function bury(nid, incarnation, is_certain)
    local name = name_of(nid, incarnation)
    local lives = is_certain ~= '1' and remaining(nid) > 0 and heard(nid) > 0
    if not name or lives then return {'kept'} end
    forget(nid, incarnation, name, 'buried')
    return {'buried'}
end

local function leave(nid, incarnation)
    local name = name_of(nid, incarnation)
    if name then forget(nid, incarnation, name, 'left') end
    return {'left'}
end

-- The names of the nodes that are the homes of rooms; empty for rooms that have none.
local function look(...)
    local found = {}
    for at, room in ipairs({...}) do
        local held = redis.call('HGET', HOMES, room)
        local owner, of = string.match(held or '', '^%d+ (%d+) (%S+)$')
        found[at] = owner and name_of(owner, of) or ''
    end
    return {'found', unpack(found)}
end

local transitions = {
    look = look, join = join, renew = renew, claim = claim, hand = hand, release = release, bury = bury,
    leave = leave,
}
return transitions[transition](unpack(ARGV, 3))
