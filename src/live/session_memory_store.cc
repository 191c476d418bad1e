#include <map>
#include <mutex>
#include <utility>

#include "live/session_store.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Record {
  std::uint64_t token = 0;
  std::string owner;
  steady_clock::time_point taken, saved, until;
  std::optional<std::string> state;
};

class Sessions {
 public:
  Sessions(const SessionStoreOptions& used, const Clock& time)
      : options(used), clock(time) {}

  const SessionStoreOptions options;
  const Clock& clock;
  std::mutex mutex;
  // Guarded by mutex.
  std::map<std::string, Record> records;
  std::uint64_t last_token = 0;

  // The time, with what nobody had for too long forgotten. Needs mutex.
  steady_clock::time_point Now() {
    const auto now = clock.MonotonicTime();
    std::erase_if(records, [&](const auto& record) {
      return now - record.second.until > options.keep;
    });
    return now;
  }
};

milliseconds Since(steady_clock::time_point then,
                   steady_clock::time_point now) {
  return std::chrono::duration_cast<milliseconds>(now - then);
}

Error Held(const std::string& name, const Record& record,
           steady_clock::time_point now) {
  return {ErrorCode::kAlreadyExists,
          "session " + name + " is in use by " +
              OwnerText(record.owner, Since(record.taken, now))};
}

std::optional<KeptSession> KeptOf(const std::string& name, const Record& record,
                                  steady_clock::time_point now) {
  if (!record.state) return std::nullopt;
  return KeptSession{*record.state, Since(record.saved, now), name};
}

class MemorySession final : public OwnedSession {
 public:
  MemorySession(std::shared_ptr<Sessions> sessions, std::string name,
                std::string owner, std::uint64_t token,
                std::optional<KeptSession> kept)
      : sessions_(std::move(sessions)),
        name_(std::move(name)),
        owner_(std::move(owner)),
        token_(token),
        kept_(std::move(kept)) {}

  std::uint64_t token() const override { return token_; }
  const std::optional<KeptSession>& kept() const override { return kept_; }

  Result<> Save(std::string_view state) override {
    return Keep(state, sessions_->options.lease);
  }
  Result<> Renew() override {
    return Keep(std::nullopt, sessions_->options.lease);
  }
  Result<> Release(std::string_view state) override {
    return Keep(state, milliseconds(0));
  }

 private:
  Result<> Keep(std::optional<std::string_view> state, milliseconds lease) {
    const std::lock_guard lock(sessions_->mutex);
    const auto now = sessions_->clock.MonotonicTime();
    auto [found, made] = sessions_->records.try_emplace(name_);
    Record& record = found->second;
    if (record.token > token_) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "session " + name_ + " was taken over by " +
                      OwnerText(record.owner, Since(record.taken, now)));
    }
    if (made) record.taken = now;
    record.token = token_;
    record.owner = owner_;
    record.until = now + lease;
    if (!state) return {};
    record.state = *state;
    record.saved = now;
    return {};
  }

  const std::shared_ptr<Sessions> sessions_;  // With the store and others.
  const std::string name_, owner_;
  const std::uint64_t token_;
  const std::optional<KeptSession> kept_;
};

class MemorySessionStore final : public SessionStore {
 public:
  MemorySessionStore(const SessionStoreOptions& options, const Clock& clock)
      : sessions_(std::make_shared<Sessions>(options, clock)) {}

  Result<std::unique_ptr<OwnedSession>> Take(
      const std::string& name, const TakeSessionOptions& options) override {
    if (auto valid = CheckSessionName(name); !valid) return valid.Failure();
    const std::lock_guard lock(sessions_->mutex);
    const auto now = sessions_->Now();
    Record& record = sessions_->records[name];
    if (record.until > now && !options.take_over) {
      return tl::unexpected(Held(name, record, now));
    }
    if (options.begin_anew) record = {};
    record.token = ++sessions_->last_token;
    record.owner = options.owner;
    record.taken = now;
    record.until = now + sessions_->options.lease;
    return std::make_unique<MemorySession>(sessions_, name, options.owner,
                                           record.token,
                                           KeptOf(name, record, now));
  }

  Result<std::optional<KeptSession>> Peek(const std::string& name) override {
    if (auto valid = CheckSessionName(name); !valid) return valid.Failure();
    const std::lock_guard lock(sessions_->mutex);
    const auto now = sessions_->Now();
    const auto found = sessions_->records.find(name);
    if (found == sessions_->records.end()) return std::nullopt;
    return KeptOf(name, found->second, now);
  }

  Result<std::vector<SessionSummary>> List() override {
    const std::lock_guard lock(sessions_->mutex);
    const auto now = sessions_->Now();
    std::vector<SessionSummary> list;
    for (const auto& [name, record] : sessions_->records) {
      list.push_back(SummaryOf(name, record, now));
    }
    return list;
  }

  Result<SessionSummary> Summary(const std::string& name) override {
    if (auto valid = CheckSessionName(name); !valid) return valid.Failure();
    const std::lock_guard lock(sessions_->mutex);
    const auto now = sessions_->Now();
    const auto found = sessions_->records.find(name);
    if (found == sessions_->records.end()) return NoSuch(name);
    return SummaryOf(name, found->second, now);
  }

  Result<> Remove(const std::string& name) override {
    if (auto valid = CheckSessionName(name); !valid) return valid.Failure();
    const std::lock_guard lock(sessions_->mutex);
    const auto now = sessions_->Now();
    const auto found = sessions_->records.find(name);
    if (found == sessions_->records.end()) return NoSuch(name);
    if (found->second.until > now) {
      return tl::unexpected(Held(name, found->second, now));
    }
    sessions_->records.erase(found);
    return {};
  }

  const SessionStoreOptions& options() const override {
    return sessions_->options;
  }

 private:
  static tl::unexpected<Error> NoSuch(const std::string& name) {
    return Fail(ErrorCode::kNotFound, "no session " + name);
  }

  static SessionSummary SummaryOf(const std::string& name, const Record& record,
                                  steady_clock::time_point now) {
    return {name,
            record.owner,
            Since(record.taken, now),
            record.state ? Since(record.saved, now) : milliseconds(0),
            std::max(milliseconds(0), Since(now, record.until)),
            record.state ? record.state->size() : 0};
  }

  const std::shared_ptr<Sessions> sessions_;  // With what was taken.
};

}  // namespace

std::unique_ptr<SessionStore> MakeMemorySessionStore(
    const SessionStoreOptions& options, const Clock& clock) {
  return std::make_unique<MemorySessionStore>(options, clock);
}

}  // namespace ocelli
