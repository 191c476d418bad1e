#include "redis/redis_node.h"

#include "redis/redis_error.h"

namespace ocelli {
namespace {

using std::chrono::steady_clock;

// A connection that rested for so long is looked at before it is used.
constexpr std::chrono::seconds kRested{1};

}  // namespace

RedisMeters::RedisMeters(MetricsRegistry& registry_in)
    : registry(registry_in),
      commands(registry.AddCounter("ocelli_redis_commands_total",
                                   "Commands that Redis was asked for.")),
      errors(registry.AddCounter("ocelli_redis_errors_total",
                                 "Commands that ended in an error.")),
      connects(registry.AddCounter("ocelli_redis_connects_total",
                                   "Connections made to Redis.")),
      redirections(registry.AddCounter("ocelli_redis_redirections_total",
                                       "Answers of MOVED or ASK.")),
      repeats(registry.AddCounter("ocelli_redis_repeats_total",
                                  "Commands sent again after trouble.")),
      seconds(registry.AddHistogram("ocelli_redis_seconds",
                                    "From a call to its answers.",
                                    LatencyBounds())) {}

RedisNode::RedisNode(RedisHost host, RedisLogin login,
                     const RedisOptions& options, RedisMeters& meters)
    : host_(std::move(host)),
      name_(host_.ToString()),
      login_(std::move(login)),
      options_(options),
      meters_(meters),
      in_use_gauge_(meters.registry.AddGauge("ocelli_redis_connections_in_use",
                                             "Connections that a call has.",
                                             {{"node", name_}})),
      breaker_gauge_(meters.registry.AddGauge(
          "ocelli_redis_breaker_open",
          "1 while a server that did not answer is left alone.",
          {{"node", name_}})) {}

Result<RedisNode::Lease> RedisNode::Borrow(bool surely,
                                           std::chrono::milliseconds wait) {
  const Time now = steady_clock::now();
  std::unique_ptr<RedisConnection> connection;
  {
    std::unique_lock lock(mutex_);
    if (misses_ >= options_.breaker_failures) {
      if (now < next_probe_) {
        return Fail(ErrorCode::kUnavailable,
                    why_ + " (and is left alone for a moment)");
      }
      next_probe_ = now + options_.breaker_open;
    }
    if (!released_.wait_until(lock, now + wait,
                              [&] { return in_use_ < options_.connections; })) {
      return Fail(ErrorCode::kDeadlineExceeded,
                  "all " + std::to_string(options_.connections) +
                      " connections to " + name_ + " are busy");
    }
    while (!resting_.empty() && connection == nullptr) {
      Resting last = std::move(resting_.back());
      resting_.pop_back();
      if ((!surely && now - last.since < kRested) ||
          last.connection->IsQuiet()) {
        connection = std::move(last.connection);
      }
    }
    in_use_gauge_.Set(++in_use_);
  }
  const bool reused = connection != nullptr;
  if (!reused) {
    auto made = Login(now + options_.connect_timeout);
    if (!made) {
      Release(nullptr, false);
      return made.Failure();
    }
    connection = std::move(*made);
  }
  connection->Begin();
  return Lease(this, std::move(connection), reused);
}

void RedisNode::Release(std::unique_ptr<RedisConnection> connection,
                        bool good) {
  const bool keep = good && connection->IsIdle();
  const std::lock_guard lock(mutex_);
  in_use_gauge_.Set(--in_use_);
  if (keep) resting_.push_back({std::move(connection), steady_clock::now()});
  if (good) Answered();
  released_.notify_one();
}

void RedisNode::Answered() {
  if (misses_ >= options_.breaker_failures) breaker_gauge_.Set(0);
  misses_ = 0;
}

void RedisNode::DropResting() {
  std::vector<Resting> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(resting_);
}

void RedisNode::Missed(const std::string& why) {
  std::vector<Resting> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(resting_);
  why_ = why;
  if (++misses_ >= options_.breaker_failures) {
    next_probe_ = steady_clock::now() + options_.breaker_open;
    breaker_gauge_.Set(1);
  }
}

bool RedisNode::breaker_open() const {
  const std::lock_guard lock(mutex_);
  return misses_ >= options_.breaker_failures &&
         steady_clock::now() < next_probe_;
}

Result<std::unique_ptr<RedisConnection>> RedisNode::Connect() {
  return Login(steady_clock::now() + options_.connect_timeout);
}

Result<std::unique_ptr<RedisConnection>> RedisNode::Login(Time deadline) {
  auto connected =
      RedisConnection::Connect(host_, deadline, options_.max_reply_bytes);
  if (!connected) {
    Missed(connected.error().message);
    return connected.Failure();
  }
  meters_.connects.Add();
  RedisConnection& connection = **connected;
  int answers = 0;
  const auto append = [&](const std::vector<std::string>& arguments) {
    connection.Append(arguments);
    ++answers;
  };
  if (!login_.user.empty()) {
    append({"AUTH", login_.user, login_.password});
  } else if (!login_.password.empty()) {
    append({"AUTH", login_.password});
  }
  if (login_.database != 0) append({"SELECT", std::to_string(login_.database)});
  if (login_.read_replica) append({"READONLY"});
  if (answers == 0) return connected;
  connection.Send();
  for (; answers > 0; --answers) {
    auto answer = connection.Receive(deadline);
    if (!answer) {
      const std::string doing = "logging in to Redis at " + name_;
      if (answer.error().code != ErrorCode::kFailedPrecondition) {
        Missed(doing + ": " + answer.error().message);
      }
      return answer.Failure(doing);
    }
    if (answer->kind == RedisReply::Kind::kError) {
      const std::lock_guard lock(mutex_);
      Answered();
      return Fail(CodeOf(answer->text), "logging in to Redis at " + name_ +
                                            ": " +
                                            ExplainRefusal(answer->text));
    }
  }
  return connected;
}

Result<RedisReply> RedisNode::Ask(const std::vector<std::string>& arguments,
                                  std::chrono::milliseconds timeout) {
  const auto doing = [&] { return "Redis at " + name_ + ": " + arguments[0]; };
  for (bool again = true;; again = false) {
    auto lease = Borrow(true, timeout);
    if (!lease) return lease.Failure();
    (*lease)->Append(arguments);
    (*lease)->Send();
    auto reply = (*lease)->Receive(steady_clock::now() + timeout);
    if (reply) {
      lease->Keep();
      return reply;
    }
    const ErrorCode code = reply.error().code;
    if (code == ErrorCode::kUnavailable && lease->reused() && again) {
      DropResting();
      continue;
    }
    if (code == ErrorCode::kUnavailable ||
        code == ErrorCode::kDeadlineExceeded) {
      Missed(doing() + ": " + reply.error().message);
    }
    return reply.Failure(doing());
  }
}

}  // namespace ocelli
