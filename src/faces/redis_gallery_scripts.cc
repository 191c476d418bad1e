#include "faces/redis_gallery_scripts.h"

#include <string>

namespace ocelli {
namespace {

// KEYS: head, faces, people, log.
// ARGV: known version ("" to load), its token, format, most entries of the
//   log, most ids, most bytes of a value, the format before.
// Replies {word, version, token, last face, last person, faces, people} and
//   for "changes" the faces and people as {id, value or nil, ...}; a value
//   that is too long is "".
constexpr const char* kNews = R"(
local head = redis.call('HMGET', KEYS[1], 'format', 'version', 'token',
                        'face', 'person', 'faces', 'people')
local faces, people = redis.call('HLEN', KEYS[2]), redis.call('HLEN', KEYS[3])
local version, token = head[2] or '0', head[3] or ''
local function say(word, f, p)
  return {word, version, token, head[4] or '0', head[5] or '0', faces, people,
          f or {}, p or {}}
end
if not head[1] then
  if faces + people > 0 then return say('damaged') end
elseif head[1] ~= ARGV[3] and head[1] ~= ARGV[7] then
  return say('format')
elseif tonumber(head[6]) ~= faces or tonumber(head[7]) ~= people then
  return say('damaged')
end
if version == ARGV[1] and token == ARGV[2] then return say('same') end
local behind = (tonumber(version) or 0) - (tonumber(ARGV[1]) or 1/0)
if behind <= 0 or behind >= tonumber(ARGV[4]) then return say('reload') end
local log = redis.call('XRANGE', KEYS[4], ARGV[1] .. '-0', '+', 'COUNT',
                       ARGV[4])
local known = ARGV[1] ~= '0'
if #log ~= behind + (known and 1 or 0) then return say('reload') end
local ids = {f = {}, p = {}}
local seen = {f = {}, p = {}}
local count = 0
for i, entry in ipairs(log) do
  local fields = {}
  for k = 1, #entry[2], 2 do fields[entry[2][k]] = entry[2][k + 1] end
  if known and i == 1 then
    if fields.t ~= ARGV[2] then return say('reload') end
  else
    if fields.all then return say('reload') end
    for kind, list in pairs(ids) do
      for id in string.gmatch(fields[kind] or '', '%d+') do
        if not seen[kind][id] then
          seen[kind][id] = true
          list[#list + 1] = id
          count = count + 1
        end
      end
    end
  end
end
if count > tonumber(ARGV[5]) then return say('reload') end
local function values(key, list)
  local found = {}
  for _, id in ipairs(list) do
    local value = redis.call('HGET', key, id)
    if value and #value > tonumber(ARGV[6]) then value = '' end
    found[#found + 1] = id
    found[#found + 1] = value
  end
  return found
end
return say('changes', values(KEYS[2], ids.f), values(KEYS[3], ids.p))
)";

// KEYS: a hash. ARGV: cursor, how many, most bytes of a value. Replies the next
// cursor and {field, value, ...}; what is too long is "".
constexpr const char* kPage = R"(
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local most = tonumber(ARGV[3])
for i, text in ipairs(page[2]) do
  if #text > most then page[2][i] = '' end
end
return page
)";

// KEYS: head, faces, people, log, pictures.
// ARGV: version and token before, version and token after, format, channel,
//   length of the log, last face, last person, ids of faces and of people for
//   the log ("*": too many), numbers of faces kept, faces deleted, people kept,
//   people deleted, pictures kept, the format before; then {id, value} of those
//   kept and the ids of those deleted, in that order.
// Replies "done", "conflict", "format" or "damaged". Whatever can fail comes
// before the first change or is the first change: Redis undoes nothing.
constexpr const char* kWrite = R"(
local head = redis.call('HMGET', KEYS[1], 'format', 'version', 'token',
                        'faces', 'people')
local faces, people = redis.call('HLEN', KEYS[2]), redis.call('HLEN', KEYS[3])
redis.call('XLEN', KEYS[4])
redis.call('HLEN', KEYS[5])
if head[1] and head[1] ~= ARGV[5] and head[1] ~= ARGV[17] then
  return 'format'
end
if (head[2] or '0') ~= ARGV[1] or (head[3] or '') ~= ARGV[2] then
  local entry = redis.call('XRANGE', KEYS[4], ARGV[3] .. '-0', ARGV[3] .. '-0')
  local mine = entry[1] and entry[1][2][1] == 't' and
               entry[1][2][2] == ARGV[4]
  return mine and 'done' or 'conflict'
end
if (tonumber(head[4]) or 0) ~= faces or (tonumber(head[5]) or 0) ~= people then
  return 'damaged'
end
redis.call('HSET', KEYS[1], 'format', ARGV[5], 'version', ARGV[3],
           'token', ARGV[4], 'face', ARGV[8], 'person', ARGV[9])
local at = 18
local function each(command, key, count, width)
  while count > 0 do
    local some = math.min(count, 500)
    redis.call(command, key, unpack(ARGV, at, at + some * width - 1))
    at = at + some * width
    count = count - some
  end
end
each('HSET', KEYS[2], tonumber(ARGV[12]), 2)
local deleted = at
each('HDEL', KEYS[2], tonumber(ARGV[13]), 1)
at = deleted
each('HDEL', KEYS[5], tonumber(ARGV[13]), 1)
each('HSET', KEYS[3], tonumber(ARGV[14]), 2)
each('HDEL', KEYS[3], tonumber(ARGV[15]), 1)
each('HSET', KEYS[5], tonumber(ARGV[16]), 2)
redis.call('HSET', KEYS[1], 'faces', redis.call('HLEN', KEYS[2]),
           'people', redis.call('HLEN', KEYS[3]))
local entry = {KEYS[4], 'MAXLEN', '~', ARGV[7], ARGV[3] .. '-0', 't', ARGV[4]}
if ARGV[10] == '*' or ARGV[11] == '*' then
  entry[8], entry[9] = 'all', '1'
else
  entry[8], entry[9], entry[10], entry[11] = 'f', ARGV[10], 'p', ARGV[11]
end
local logged = redis.pcall('XADD', unpack(entry))
if type(logged) == 'table' and logged.err then
  -- A log that is ahead of the head is of no use.
  redis.call('DEL', KEYS[4])
  redis.call('XADD', unpack(entry))
end
redis.pcall('PUBLISH', ARGV[6], ARGV[3])
return 'done'
)";

}  // namespace

GalleryScripts::GalleryScripts()
    : news(kNews),
      page(kPage),
      write(kWrite),
      remove(std::string("#!lua flags=allow-oom\n") + kWrite) {}

}  // namespace ocelli
