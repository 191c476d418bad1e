#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "redis/redis_client.h"

namespace ocelli {

struct SessionStoreOptions {
  // Who says nothing for so long has lost the session.
  std::chrono::milliseconds lease{2000};
  // What a session without owner is kept for. It holds descriptors of people.
  std::chrono::milliseconds keep{std::chrono::hours(1)};
};

// What a session's last owner left.
struct KeptSession {
  std::string state;
  std::chrono::milliseconds age{};  // By the store's clock.
  std::string where;                // For messages: the key.
};

// A session in this process's hands. Thread-safe; dropping it tells nobody, as
// when the process dies.
class OwnedSession {
 public:
  virtual ~OwnedSession() = default;

  // Grows with every Take() of the session, whoever does it.
  virtual std::uint64_t token() const = 0;
  // As it was when this process took it; none: a new one.
  virtual const std::optional<KeptSession>& kept() const = 0;

  // Keeps the state (not empty) and the session for another lease, which began
  // no sooner than this call. A lease that ran out is one again if nobody took
  // the session meanwhile. kFailedPrecondition: somebody else did, says who; it
  // stays so. Other errors: perhaps later.
  virtual Result<> Save(std::string_view state) = 0;
  // The same without a new state.
  virtual Result<> Renew() = 0;
  // As Save(), and others need not wait for the lease to end.
  virtual Result<> Release(std::string_view state) = 0;
};

struct TakeSessionOptions {
  std::string owner;  // For people: "cam7, process 123".
  // From whoever has it: their next Save() fails.
  bool take_over = false;
  // What was kept is removed, be it another program's.
  bool begin_anew = false;
};

// Who has a session, as an error or a list says it.
struct SessionSummary {
  std::string name;
  std::string owner;                  // Who took it last.
  std::chrono::milliseconds taken{};  // So long ago.
  std::chrono::milliseconds saved{};  // Likewise.
  // Of its lease; 0: nobody has it.
  std::chrono::milliseconds remaining{};
  std::size_t bytes = 0;  // Of its state.
};

// Live sessions by name. One process owns a session at a time: each Take()
// gives a greater token, and Save() is refused with any but the greatest one
// (fencing). No clocks of machines are compared. Thread-safe.
class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // Does not wait. kAlreadyExists: somebody owns it, says who and since when.
  // kInvalidArgument: no such name can be. kDataLoss: what is kept under its
  // key is another program's or version's; names the key.
  virtual Result<std::unique_ptr<OwnedSession>> Take(
      const std::string& name, const TakeSessionOptions& options) = 0;
  // What is kept, whoever owns it; none where nothing is.
  virtual Result<std::optional<KeptSession>> Peek(const std::string& name) = 0;
  // By name; what is no session of ours is left out. kNotFound from Summary().
  virtual Result<std::vector<SessionSummary>> List() = 0;
  virtual Result<SessionSummary> Summary(const std::string& name) = 0;
  // With all that was kept. kNotFound. kAlreadyExists: somebody owns it.
  virtual Result<> Remove(const std::string& name) = 0;

  virtual const SessionStoreOptions& options() const = 0;
};

// Of this process alone; what nobody has is forgotten after options.keep, the
// next time that somebody asks for a session.
std::unique_ptr<SessionStore> MakeMemorySessionStore(
    const SessionStoreOptions& options = {},
    const Clock& clock = SystemClock());

// Time is that of Redis. `redis` outlives it.
std::unique_ptr<SessionStore> MakeRedisSessionStore(
    RedisClient& redis, const SessionStoreOptions& options = {});

// Letters, digits, '.', '_' and '-', at most 100. kInvalidArgument.
Result<> CheckSessionName(std::string_view name);

// Take() as soon as it is possible: while the lease only runs down, its owner
// may be dead. An owner that renews it is alive: kAlreadyExists. kCancelled.
Result<std::unique_ptr<OwnedSession>> AwaitSession(
    SessionStore& store, const std::string& name,
    const TakeSessionOptions& options, const std::stop_token& stop);

// "cam7, process 123, for 5 min": who has a session since then. What may be
// anybody's text is made fit for a terminal.
std::string OwnerText(std::string_view owner, std::chrono::milliseconds taken);

}  // namespace ocelli
