#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <random>
#include <utility>

#include "live/session_store.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

// A session is one hash: format, token, nonce, owner, taken, until, saved and
// state. All times are milliseconds of Redis's own clock.
constexpr char kFormat[] = "ocelli-session 1";
constexpr std::string_view kBefore = "ocelli:{session:", kBehind = "}";
constexpr std::size_t kMaxOwner = 200;

// Every script begins with this. `kind` is what is under the key; `ours` is
// whether it is a session of this format.
constexpr char kPreamble[] = R"(
local key, format = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kind = redis.call('TYPE', key).ok
local ours = kind == 'hash' and redis.call('HGET', key, 'format') == format
if kind ~= 'none' and not ours and ARGV[2] ~= 'anew' then
  return {'foreign', kind}
end
-- Anybody may have written it.
local function number(field)
  local value = tonumber(ours and redis.call('HGET', key, field) or nil)
  if value and value >= 0 and value < 9e15 then return value end
  return 0
end
local function text(field)
  return ours and redis.call('HGET', key, field) or ''
end
)";

// ARGV: format, 'anew' or '', nonce, owner, lease, keep, 'over' or ''. The
// token grows also where the last one is forgotten: it is at least the time in
// microseconds. The nonce makes a call that is sent twice the same as once.
const RedisScript& TakeScript() {
  static const RedisScript script(std::string(kPreamble) + R"(
local nonce, lease = ARGV[3], tonumber(ARGV[5])
local again = text('nonce') == nonce
-- A lease for longer than ours is another clock's, of a master of before.
local left = number('until') - now
if left > lease then
  left = lease
  redis.call('HSET', key, 'until', string.format('%.0f', now + lease))
end
if left > 0 and not again and ARGV[7] ~= 'over' then
  return {'held', text('owner'), now - number('taken')}
end
local token = number('token')
if not again then
  token = math.max(token + 1, time[1] * 1000000 + time[2])
  if ARGV[2] == 'anew' then
    redis.call('DEL', key)
    ours = false
  end
end
redis.call('HSET', key, 'format', format, 'nonce', nonce, 'owner', ARGV[4],
           'token', string.format('%.0f', token),
           'taken', string.format('%.0f', now),
           'until', string.format('%.0f', now + lease))
redis.call('PEXPIRE', key, ARGV[6])
return {'taken', string.format('%.0f', token), now - number('saved'),
        redis.call('HGET', key, 'state')}
)");
  return script;
}

// ARGV: format, '', nonce, owner, lease (0: let go), keep, token, state (empty:
// as it is). A token that is less than this one is what a replica remembered
// that became the master; none is what an empty one did.
const RedisScript& SaveScript() {
  static const RedisScript script(std::string(kPreamble) + R"(
local nonce, mine = ARGV[3], tonumber(ARGV[7])
local token = number('token')
if token > mine or (token == mine and text('nonce') ~= nonce) then
  return {'lost', text('owner'), now - number('taken')}
end
if token ~= mine then
  redis.call('HSET', key, 'taken', string.format('%.0f', now))
end
redis.call('HSET', key, 'format', format, 'nonce', nonce, 'owner', ARGV[4],
           'token', ARGV[7],
           'until', string.format('%.0f', now + tonumber(ARGV[5])))
if ARGV[8] ~= '' then
  redis.call('HSET', key, 'state', ARGV[8],
             'saved', string.format('%.0f', now))
end
redis.call('PEXPIRE', key, ARGV[6])
return {'kept'}
)");
  return script;
}

// ARGV: format, '', 'state' or ''.
const RedisScript& LookScript() {
  static const RedisScript script(std::string(kPreamble) + R"(
if kind == 'none' then return {'none'} end
return {'there', text('owner'), now - number('taken'), now - number('saved'),
        number('until') - now, redis.call('HSTRLEN', key, 'state'),
        ARGV[3] == 'state' and redis.call('HGET', key, 'state')}
)");
  return script;
}

// ARGV: format, ''.
const RedisScript& RemoveScript() {
  static const RedisScript script(std::string(kPreamble) + R"(
if kind == 'none' then return {'none'} end
if number('until') > now then
  return {'held', text('owner'), now - number('taken')}
end
redis.call('DEL', key)
return {'removed'}
)");
  return script;
}

std::string KeyOf(std::string_view name) {
  return std::string(kBefore) + std::string(name) + std::string(kBehind);
}

std::string NewNonce() {
  std::random_device device;
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%08x%08x%08x%08x", device(),
                device(), device(), device());
  return text.data();
}

// What a script answered: a word and what comes with it.
class Answer {
 public:
  explicit Answer(RedisReply reply) : reply_(std::move(reply)) {}

  bool Is(std::string_view word) const { return Text(0) == word; }
  std::string Text(std::size_t index) const {
    return index < reply_.elements.size() ? reply_.elements[index].text : "";
  }
  bool Has(std::size_t index) const {
    return index < reply_.elements.size() && !reply_.elements[index].nil();
  }
  // An age or a rest; never negative.
  milliseconds Time(std::size_t index) const {
    if (index >= reply_.elements.size()) return milliseconds(0);
    return milliseconds(std::clamp<std::int64_t>(reply_.elements[index].integer,
                                                 0, std::int64_t{1} << 53));
  }
  std::size_t Count(std::size_t index) const {
    return static_cast<std::size_t>(Time(index).count());
  }

 private:
  RedisReply reply_;
};

// The errors that are the same for all scripts.
class SessionKey {
 public:
  SessionKey(RedisClient& redis, std::string name)
      : redis_(redis), name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  std::string where() const {
    return "key " + KeyOf(name_) + " of " + redis_.url().ForMessage();
  }

  // `arguments` behind the format.
  Result<Answer> Run(const RedisScript& script,
                     std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), kFormat);
    auto reply = redis_.RunScript(script, {KeyOf(name_)}, std::move(arguments));
    if (!reply) return reply.Failure("session " + name_);
    Answer answer(std::move(*reply));
    if (answer.Is("foreign")) {
      return Fail(ErrorCode::kDataLoss,
                  "session " + name_ + ": " + where() +
                      " is another program's or another version's (a " +
                      answer.Text(1) + "); --new-session replaces it");
    }
    if (answer.Is("held")) {
      return Fail(ErrorCode::kAlreadyExists,
                  "session " + name_ + " is in use by " +
                      OwnerText(answer.Text(1), answer.Time(2)));
    }
    if (answer.Is("lost")) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "session " + name_ + " was taken over by " +
                      OwnerText(answer.Text(1), answer.Time(2)));
    }
    if (answer.Is("none")) {
      return Fail(ErrorCode::kNotFound, "no session " + name_);
    }
    return answer;
  }

 private:
  RedisClient& redis_;
  const std::string name_;
};

class RedisSession final : public OwnedSession {
 public:
  RedisSession(SessionKey key, const SessionStoreOptions& options,
               std::string nonce, std::string owner, std::string token,
               std::optional<KeptSession> kept)
      : key_(std::move(key)),
        options_(options),
        nonce_(std::move(nonce)),
        owner_(std::move(owner)),
        token_(std::move(token)),
        kept_(std::move(kept)) {}

  std::uint64_t token() const override {
    return std::strtoull(token_.c_str(), nullptr, 10);
  }
  const std::optional<KeptSession>& kept() const override { return kept_; }

  Result<> Save(std::string_view state) override {
    return Keep(state, options_.lease);
  }
  Result<> Renew() override { return Keep({}, options_.lease); }
  Result<> Release(std::string_view state) override {
    return Keep(state, milliseconds(0));
  }

 private:
  Result<> Keep(std::string_view state, milliseconds lease) {
    const auto answer = key_.Run(
        SaveScript(),
        {"", nonce_, owner_, std::to_string(lease.count()),
         std::to_string(options_.keep.count()), token_, std::string(state)});
    if (!answer) return answer.Failure();
    return {};
  }

  const SessionKey key_;
  const SessionStoreOptions options_;
  const std::string nonce_, owner_, token_;
  const std::optional<KeptSession> kept_;
};

class RedisSessionStore final : public SessionStore {
 public:
  RedisSessionStore(RedisClient& redis, const SessionStoreOptions& options)
      : redis_(redis), options_(options) {}

  Result<std::unique_ptr<OwnedSession>> Take(
      const std::string& name, const TakeSessionOptions& options) override {
    if (auto valid = CheckSessionName(name); !valid) return valid.Failure();
    SessionKey key(redis_, name);
    const std::string nonce = NewNonce();
    const std::string owner = options.owner.substr(0, kMaxOwner);
    auto answer =
        key.Run(TakeScript(), {options.begin_anew ? "anew" : "", nonce, owner,
                               std::to_string(options_.lease.count()),
                               std::to_string(options_.keep.count()),
                               options.take_over ? "over" : ""});
    if (!answer) return answer.Failure();
    std::optional<KeptSession> kept;
    if (answer->Has(3)) {
      kept = {answer->Text(3), answer->Time(2), key.where()};
    }
    return std::make_unique<RedisSession>(std::move(key), options_, nonce,
                                          owner, answer->Text(1),
                                          std::move(kept));
  }

  Result<std::optional<KeptSession>> Peek(const std::string& name) override {
    if (auto valid = CheckSessionName(name); !valid) return valid.Failure();
    const SessionKey key(redis_, name);
    const auto answer = key.Run(LookScript(), {"", "state"});
    if (!answer && answer.error().code == ErrorCode::kNotFound) {
      return std::nullopt;
    }
    if (!answer) return answer.Failure();
    if (!answer->Has(6)) return std::nullopt;
    return KeptSession{answer->Text(6), answer->Time(3), key.where()};
  }

  Result<std::vector<SessionSummary>> List() override {
    std::vector<std::string> names;
    const std::string all = KeyOf("*");
    const auto done =
        redis_.ForEachKey(all, [&](const std::string& key) -> Result<> {
          std::string name = key.substr(
              kBefore.size(), key.size() - kBefore.size() - kBehind.size());
          if (CheckSessionName(name)) names.push_back(std::move(name));
          return {};
        });
    if (!done) return done.Failure("listing sessions");
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::vector<SessionSummary> list;
    for (const std::string& name : names) {
      auto summary = Summary(name);
      if (summary) {
        list.push_back(std::move(*summary));
      } else if (summary.error().code != ErrorCode::kNotFound &&
                 summary.error().code != ErrorCode::kDataLoss) {
        return summary.Failure();
      }
    }
    return list;
  }

  Result<SessionSummary> Summary(const std::string& name) override {
    if (auto valid = CheckSessionName(name); !valid) return valid.Failure();
    const auto answer = SessionKey(redis_, name).Run(LookScript(), {"", ""});
    if (!answer) return answer.Failure();
    const std::size_t bytes = answer->Count(5);
    return SessionSummary{name,
                          answer->Text(1).substr(0, kMaxOwner),
                          answer->Time(2),
                          bytes > 0 ? answer->Time(3) : milliseconds(0),
                          answer->Time(4),
                          bytes};
  }

  Result<> Remove(const std::string& name) override {
    if (auto valid = CheckSessionName(name); !valid) return valid.Failure();
    const auto answer = SessionKey(redis_, name).Run(RemoveScript(), {""});
    if (!answer) return answer.Failure();
    return {};
  }

  const SessionStoreOptions& options() const override { return options_; }

 private:
  RedisClient& redis_;
  const SessionStoreOptions options_;
};

}  // namespace

std::unique_ptr<SessionStore> MakeRedisSessionStore(
    RedisClient& redis, const SessionStoreOptions& options) {
  return std::make_unique<RedisSessionStore>(redis, options);
}

}  // namespace ocelli
