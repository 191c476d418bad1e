#include "jobs/redis_job_scripts.h"

namespace ocelli {
namespace {

constexpr char kBegin[] = R"(#!lua
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'created', now, 'description', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return now
)";

constexpr char kRestore[] = R"(#!lua flags=allow-oom
if redis.call('EXISTS', KEYS[1]) == 0 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], 'created', now, 'description', ARGV[2])
end
if redis.call('HEXISTS', KEYS[1], 'purged') == 1 then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return tonumber(redis.call('HGET', KEYS[1], 'created'))
)";

constexpr char kComplete[] = R"(#!lua flags=allow-oom
if redis.call('HEXISTS', KEYS[1], 'created') == 0 then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], 'total', ARGV[2])
redis.call('PUBLISH', ARGV[3], 'complete')
return 1
)";

// What remains tells a purged batch from one that Redis lost.
constexpr char kBury[] = R"(#!lua flags=allow-oom
local there = redis.call('HEXISTS', KEYS[1], 'created')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'purged', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[2], 'purged')
return there
)";

// Keys of another program fail in the reads, before anything is written.
constexpr char kSubmit[] = R"(#!lua
redis.call('XLEN', KEYS[1])
local indexes = {}
for i = 4, #ARGV, 2 do indexes[#indexes + 1] = ARGV[i] end
local states = redis.call('HMGET', KEYS[2], unpack(indexes))
local marks, answer, new = {}, {}, {}
for i, index in ipairs(indexes) do
  if not states[i] and not new[index] then
    new[index] = true
    marks[#marks + 1] = index
    marks[#marks + 1] = '?'
    redis.call('XADD', KEYS[1], '*', 'job', ARGV[3 + 2 * i])
    answer[i] = 1
  elseif not states[i] or states[i] == '?' then
    answer[i] = 0
  else
    answer[i] = 2
  end
end
if #marks > 0 then
  redis.call('HSET', KEYS[2], unpack(marks))
  redis.call('HINCRBY', KEYS[2], 'submitted', #marks / 2)
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return answer
)";

constexpr char kTake[] = R"(#!lua flags=allow-oom
local stream, delayed = KEYS[1], KEYS[2]
local worker, count = ARGV[1], tonumber(ARGV[2])
local takeover, cursor = tonumber(ARGV[3]), ARGV[4]
local forget = tonumber(ARGV[5])
local function call(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    if not string.find(answer.err, 'NOGROUP') then error(answer) end
    redis.call('XGROUP', 'CREATE', stream, 'workers', '0', 'MKSTREAM')
    answer = redis.call(...)
  end
  return answer
end
local jobs = {}
local function claim(ids, how)
  local entries = call('XCLAIM', stream, 'workers', worker, 0, unpack(ids))
  for _, entry in ipairs(entries) do
    local id = entry[1]
    local pending = redis.call('XPENDING', stream, 'workers', id, id, 1)
    jobs[#jobs + 1] = {id, entry[2], pending[1][4], how}
  end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, count)
if #due > 0 then
  claim(due, 1)
  redis.call('ZREM', delayed, unpack(due))
end
if takeover >= 0 then
  local idle = call('XPENDING', stream, 'workers', 'IDLE', takeover, cursor,
                    '+', 100)
  cursor = #idle == 100 and '(' .. idle[100][1] or '-'
  local silent = {}
  for _, each in ipairs(idle) do
    if #jobs + #silent == count then
      cursor = each[1]
      break
    end
    if each[2] ~= '(later)' or not redis.call('ZSCORE', delayed, each[1]) then
      silent[#silent + 1] = each[1]
    end
  end
  if #silent > 0 then claim(silent, 2) end
end
if #jobs < count then
  local read = call('XREADGROUP', 'GROUP', 'workers', worker, 'COUNT',
                    count - #jobs, 'STREAMS', stream, '>')
  if read then
    for _, entry in ipairs(read[1][2]) do
      jobs[#jobs + 1] = {entry[1], entry[2], 1, 0}
    end
  end
end
if forget >= 0 then
  for _, each in ipairs(call('XINFO', 'CONSUMERS', stream, 'workers')) do
    if each[4] == 0 and each[6] > forget then
      redis.call('XGROUP', 'DELCONSUMER', stream, 'workers', each[2])
    end
  end
end
local next = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
local wait = next[2] and math.max(next[2] - now, 0) or -1
return {wait, cursor, jobs}
)";

constexpr char kRenew[] = R"(#!lua flags=allow-oom
local mine = {}
for i = 2, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], 'workers', ARGV[i], ARGV[i],
                              1, ARGV[1])
  if pending[1] then mine[#mine + 1] = ARGV[i] end
end
if #mine > 0 then
  redis.call('XCLAIM', KEYS[1], 'workers', ARGV[1], 0, unpack(mine), 'JUSTID')
end
return #mine
)";

// Over maxmemory too: it makes room.
constexpr char kFinish[] = R"(#!lua flags=allow-oom
local stream, delayed, results, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ttl, channel, worker = ARGV[1], ARGV[2], ARGV[3]
local at = 5
local function following()
  at = at + 1
  return ARGV[at]
end
local kept, failed, again = 0, 0, 0
local indexes, ids, records, first = {}, {}, {}, {}
redis.call('XLEN', dead)
for i = 1, tonumber(ARGV[5]) do
  indexes[i], records[i], ids[i] = following(), following(), following()
end
if #ids > 0 then
  local states = redis.call('HMGET', results, unpack(indexes))
  local fields, news = {}, {}
  for i, index in ipairs(indexes) do
    if states[i] == '?' and not first[index] then
      first[index] = i
      news[#news + 1] = index
      fields[#fields + 1] = index
      fields[#fields + 1] = records[i]
    end
  end
  kept = #news
  if kept > 0 then
    redis.call('HSET', results, unpack(fields))
    redis.call('HINCRBY', results, 'done', kept)
    redis.call('PEXPIRE', results, ttl)
    redis.call('PUBLISH', channel, table.concat(news, ','))
  end
end
for i = 1, tonumber(following()) do
  local which, record = tonumber(following()), following()
  local reason, attempts = following(), following()
  if first[indexes[which]] == which then
    failed = failed + 1
    redis.call('XADD', dead, 'MAXLEN', ARGV[4], '*', 'job', record, 'reason',
               reason, 'attempts', attempts)
  end
end
if failed > 0 then redis.call('HINCRBY', results, 'failed', failed) end
if #ids > 0 then
  redis.call('XACK', stream, 'workers', unpack(ids))
  redis.call('XDEL', stream, unpack(ids))
  redis.call('ZREM', delayed, unpack(ids))
end
if #KEYS > 4 then redis.call('UNLINK', unpack(KEYS, 5)) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, tonumber(following()) do
  local id, delay = following(), following()
  local pending = redis.pcall('XPENDING', stream, 'workers', id, id, 1, worker)
  if pending[1] then
    again = again + 1
    redis.call('XCLAIM', stream, 'workers', '(later)', 0, id, 'JUSTID')
    redis.call('ZADD', delayed, now + delay, id)
  end
end
return {kept, failed, again}
)";

constexpr char kHandBack[] = R"(#!lua flags=allow-oom
local stream, delayed, worker = KEYS[1], KEYS[2], ARGV[1]
local back = 0
for i = 4, #ARGV, 2 do
  local id, deliveries = ARGV[i], ARGV[i + 1]
  local pending = redis.pcall('XPENDING', stream, 'workers', id, id, 1, worker)
  if pending[1] then
    back = back + 1
    redis.call('XCLAIM', stream, 'workers', '(later)', 0, id, 'RETRYCOUNT',
               deliveries, 'JUSTID')
    redis.call('ZADD', delayed, 0, id)
  end
end
local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, 'workers')
for _, each in ipairs(consumers) do
  if each[2] == worker and each[4] == 0 then
    redis.call('XGROUP', 'DELCONSUMER', stream, 'workers', worker)
  end
end
if back > 0 then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
return back
)";

constexpr char kReject[] = R"(#!lua flags=allow-oom
if redis.call('XDEL', KEYS[1], ARGV[2]) == 1 then
  redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[1], '*', 'job', ARGV[4], 'reason',
             ARGV[3], 'attempts', 0)
end
redis.call('XACK', KEYS[1], 'workers', ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[2])
return 1
)";

constexpr char kRetry[] = R"(#!lua
local again = 0
redis.call('XLEN', KEYS[1])
for i = 4, #ARGV, 3 do
  local letter, index, record = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('HEXISTS', KEYS[2], index) == 1 and
     redis.call('XDEL', KEYS[3], letter) == 1 then
    redis.call('HSET', KEYS[2], index, '?')
    redis.call('XADD', KEYS[1], '*', 'job', record)
    again = again + 1
  end
end
if again > 0 then
  redis.call('HINCRBY', KEYS[2], 'done', -again)
  redis.call('HINCRBY', KEYS[2], 'failed', -again)
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
return again
)";

constexpr char kStatus[] = R"(#!lua flags=no-writes
local pending = redis.pcall('XPENDING', KEYS[1], 'workers')
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], 'workers')
local workers = {}
for _, each in ipairs(consumers) do
  if each[2] ~= '(later)' and each[6] <= tonumber(ARGV[1]) then
    workers[#workers + 1] = each[2]
  end
end
return {redis.call('XLEN', KEYS[1]), pending[1] or 0,
        redis.call('ZCARD', KEYS[2]), redis.call('ZCOUNT', KEYS[2], '-inf', 0),
        redis.call('XLEN', KEYS[3]), workers}
)";

}  // namespace

const RedisJobScripts& JobScripts() {
  static const RedisJobScripts scripts = {
      .begin = RedisScript(kBegin),
      .restore = RedisScript(kRestore),
      .complete = RedisScript(kComplete),
      .bury = RedisScript(kBury),
      .submit = RedisScript(kSubmit),
      .take = RedisScript(kTake),
      .renew = RedisScript(kRenew),
      .finish = RedisScript(kFinish),
      .hand_back = RedisScript(kHandBack),
      .reject = RedisScript(kReject),
      .retry = RedisScript(kRetry),
      .status = RedisScript(kStatus),
  };
  return scripts;
}

}  // namespace ocelli
