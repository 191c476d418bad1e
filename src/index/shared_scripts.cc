#include "index/shared_scripts.h"

namespace ocelli {

const RedisScript& CreateSpecScript() {
  static const RedisScript kScript(R"(
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1)");
  return kScript;
}

const RedisScript& DropSpecScript() {
  static const RedisScript kScript(R"(
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1]))");
  return kScript;
}

const RedisScript& TakeNumbersScript() {
  static const RedisScript kScript(R"(
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('HINCRBY', KEYS[1], 'next', ARGV[2]) - ARGV[2] + 1)");
  return kScript;
}

const RedisScript& WriteSettingsScript() {
  static const RedisScript kScript(R"(
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1)");
  return kScript;
}

const RedisScript& ReadyPartitionScript() {
  static const RedisScript kScript(R"(
local kept = redis.call('HGET', KEYS[1], '')
if kept == ARGV[1] then return 1 end
if kept then
  if string.sub(kept, 1, #ARGV[2]) ~= ARGV[2] then return -2 end
  if ARGV[3] ~= '1' then return -1 end
  redis.call('UNLINK', KEYS[1], KEYS[2])
elseif redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then
  return -2
end
redis.call('HSET', KEYS[1], '', ARGV[1])
return 1)");
  return kScript;
}

const RedisScript& DropPartitionScript() {
  static const RedisScript kScript(R"(
local kept = redis.call('HGET', KEYS[1], '')
if not kept then return 0 end
if string.sub(kept, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' and kept ~= ARGV[2] then return 0 end
return redis.call('UNLINK', KEYS[1], KEYS[2]))");
  return kScript;
}

// A record is a magic of 2 bytes, 8 bytes of number, 16 of the vector's digest,
// and the rest.
const RedisScript& PutScript() {
  static const RedisScript kScript(R"(
local items, vectors = KEYS[1], KEYS[2]
if redis.call('HGET', items, '') ~= ARGV[1] then return -1 end
local answer = {}
for i = 3, #ARGV, 4 do
  local id, record, attributes, vector =
    ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local kept = redis.call('HGET', items, id)
  local outcome
  if not kept and vector == '' then
    outcome = 3
  elseif not kept or
      (vector ~= '' and string.sub(kept, 11, 26) ~= string.sub(record, 11, 26))
  then
    redis.call('VADD', vectors, 'FP32', vector, id, ARGV[2],
               'SETATTR', attributes)
    redis.call('HSET', items, id, record)
    outcome = kept and 1 or 2
  else
    record = string.sub(record, 1, 2) .. string.sub(kept, 3, 26) ..
             string.sub(record, 27)
    outcome = 0
    if record ~= kept then
      redis.call('VSETATTR', vectors, id, attributes)
      redis.call('HSET', items, id, record)
      outcome = 1
    end
  end
  answer[#answer + 1] = outcome
end
return answer)");
  return kScript;
}

const RedisScript& RemoveScript() {
  static const RedisScript kScript(R"(
local items, vectors = KEYS[1], KEYS[2]
if redis.call('HGET', items, '') ~= ARGV[1] then return -1 end
local count = 0
for i = 2, #ARGV do
  if redis.call('HDEL', items, ARGV[i]) == 1 then
    redis.call('VREM', vectors, ARGV[i])
    count = count + 1
  end
end
return count)");
  return kScript;
}

const RedisScript& ReadScript() {
  static const RedisScript kScript(R"(
local items, vectors = KEYS[1], KEYS[2]
if redis.call('HGET', items, '') ~= ARGV[1] then return -1 end
local answer = {}
for i = 3, #ARGV do
  local record = redis.call('HGET', items, ARGV[i])
  local one = false
  if record then
    one = {record}
    if ARGV[2] == '1' then
      local raw = redis.call('VEMB', vectors, ARGV[i], 'RAW')
      if raw then
        for j = 1, #raw do one[j + 1] = raw[j] end
      end
    end
  end
  answer[#answer + 1] = one
end
return answer)");
  return kScript;
}

}  // namespace ocelli
