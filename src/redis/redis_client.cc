#include "redis/redis_client.h"

#include <charconv>
#include <random>
#include <utility>

#include "redis/redis_channel.h"
#include "redis/redis_dispatch.h"
#include "redis/redis_error.h"
#include "redis/redis_node.h"
#include "redis/redis_routes.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kOldest = 70000;            // 7.0.0
constexpr const char* kScanned = "1000";  // Keys looked at, at a time.

std::string VersionText(int version) {
  return std::to_string(version / 10000) + "." +
         std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

// "7.0.15" as 70015; 0 where it is none.
int ParseVersion(std::string_view text) {
  int version = 0;
  for (int part = 0; part < 3; ++part) {
    int number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || number < 0 || number > 99) return 0;
    version = version * 100 + number;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    if (text.starts_with('.')) text.remove_prefix(1);
  }
  return version;
}

// What a server says of itself.
struct Introduction {
  int version = 0;
  std::string mode;  // "standalone", "cluster", "sentinel".
  std::string role;  // "master", "replica".
};

Result<Introduction> Introduce(RedisNode& node, milliseconds timeout) {
  auto reply = node.Ask({"HELLO", "2"}, timeout);
  if (!reply) return reply.Failure();
  const std::string at = "Redis at " + node.name() + ": ";
  if (reply->kind == RedisReply::Kind::kError) {
    const ErrorCode code = CodeOf(reply->text);
    if (code == ErrorCode::kUnimplemented) {
      return Fail(ErrorCode::kFailedPrecondition,
                  at + "it is older than 6.0, and 7.0 or later is needed");
    }
    return Fail(code, at + ExplainRefusal(reply->text));
  }
  Introduction introduction;
  for (std::size_t i = 0; i + 1 < reply->elements.size(); i += 2) {
    const std::string& name = reply->elements[i].text;
    const std::string& value = reply->elements[i + 1].text;
    if (name == "version") introduction.version = ParseVersion(value);
    if (name == "mode") introduction.mode = value;
    if (name == "role") introduction.role = value;
  }
  if (introduction.version == 0) {
    return Fail(ErrorCode::kFailedPrecondition,
                at + "it does not say its version: is it Redis?");
  }
  return introduction;
}

Result<> CheckNode(RedisNode& node, const RedisUrl& url, milliseconds timeout) {
  const auto said = Introduce(node, timeout);
  if (!said) return said.Failure();
  const auto wrong = [&](const std::string& what) {
    return Fail(ErrorCode::kFailedPrecondition,
                "Redis at " + node.name() + ": " + what);
  };
  if (said->version < kOldest) {
    return wrong("it is " + VersionText(said->version) +
                 ", and 7.0 or later is needed");
  }
  if (said->mode == "sentinel") {
    return wrong("it is a Sentinel: say redis+sentinel://HOST,HOST/MASTER");
  }
  const bool cluster = said->mode == "cluster";
  if (cluster && url.topology != RedisTopology::kCluster) {
    return wrong("it belongs to a Cluster: say redis+cluster://");
  }
  if (!cluster && url.topology == RedisTopology::kCluster) {
    return wrong("it is no Cluster: say redis:// or redis+sentinel://");
  }
  if (said->role != "master") {
    return wrong(
        "it is a replica: give the address of its master, or "
        "redis+sentinel://");
  }
  return {};
}

class RoutedClient final : public RedisClient {
 public:
  RoutedClient(RedisUrl url, const RedisOptions& options,
               MetricsRegistry* metrics)
      : url_(std::move(url)),
        options_(options),
        own_metrics_(metrics != nullptr ? nullptr
                                        : std::make_unique<MetricsRegistry>()),
        meters_(metrics != nullptr ? *metrics : *own_metrics_),
        routes_(MakeRedisRoutes(url_, options_, meters_)),
        dispatch_(url_, options_, *routes_, meters_, std::random_device()()) {}

  Result<RedisReply> Run(RedisCommand command) override {
    RedisCall call;
    call.command = std::move(command);
    Prepare(call);
    dispatch_.Execute({&call, 1});
    return std::move(call.answer);
  }

  std::vector<Result<RedisReply>> RunAll(
      std::vector<RedisCommand> commands) override {
    std::vector<RedisCall> calls;
    calls.reserve(commands.size());
    for (RedisCommand& command : commands) {
      RedisCall& call = calls.emplace_back();
      call.command = std::move(command);
      Prepare(call);
    }
    return Answers(calls);
  }

  Result<RedisReply> RunScript(const RedisScript& script,
                               std::vector<std::string> keys,
                               std::vector<std::string> arguments,
                               RedisEffect effect) override {
    RedisCall call =
        CallOf({&script, std::move(keys), std::move(arguments), effect});
    dispatch_.Execute({&call, 1});
    return std::move(call.answer);
  }

  std::vector<Result<RedisReply>> RunScripts(
      std::vector<ScriptCall> scripts) override {
    std::vector<RedisCall> calls;
    calls.reserve(scripts.size());
    for (ScriptCall& script : scripts) {
      calls.push_back(CallOf(std::move(script)));
    }
    return Answers(calls);
  }

  std::unique_ptr<RedisSubscription> Subscribe(
      std::string channel,
      std::function<void(const std::string&)> heard) override {
    return ListenTo(std::move(channel), std::move(heard), *routes_, options_);
  }

  Result<> ForEachKey(
      const std::string& pattern,
      const std::function<Result<>(const std::string&)>& visit) override {
    const auto give_up = steady_clock::now() + options_.patience;
    while (true) {
      bool stopped = false;
      auto scanned = Scan(pattern, visit, stopped);
      if (scanned || stopped) return scanned;
      const ErrorCode code = scanned.error().code;
      if (code != ErrorCode::kUnavailable &&
          code != ErrorCode::kDeadlineExceeded) {
        return scanned;
      }
      if (steady_clock::now() >= give_up) {
        routes_->Refresh(false);  // For whoever comes next.
        return scanned;
      }
      // From the beginning: the cursor belonged to a server that is gone.
      dispatch_.Pause();
      routes_->Refresh(true);
    }
  }

  Result<> Check() override {
    auto good = CheckMasters();
    if (good || good.error().code != ErrorCode::kUnavailable) return good;
    routes_->Refresh(true);  // They may be others by now.
    return CheckMasters();
  }

  Result<int> Version() override {
    const auto masters = routes_->Masters();
    if (!masters) return masters.Failure();
    Error error{ErrorCode::kUnavailable, url_.ForMessage() + ": no master"};
    for (RedisNode* node : *masters) {
      const auto said = Introduce(*node, options_.answer_timeout);
      if (said) return said->version;
      error = said.error();
    }
    routes_->Refresh(true);
    return tl::unexpected(error);
  }

  const RedisUrl& url() const override { return url_; }

 private:
  // Where it goes, or why nowhere.
  static void Prepare(RedisCall& call) {
    const auto& [arguments, effect, key, blocks] = call.command;
    if (arguments.empty() || key >= arguments.size()) {
      const bool lone = arguments.size() == 1 && key == 1;  // "PING".
      if (!lone) {
        Refuse(call, "a command without " +
                         std::string(arguments.empty() ? "words" : "its key"));
      }
    } else if (key != 0) {
      call.slot = RedisSlotOf(arguments[key]);
    }
  }

  Result<> CheckMasters() {
    const auto masters = routes_->Masters();
    if (!masters) return masters.Failure();
    for (RedisNode* node : *masters) {
      if (auto good = CheckNode(*node, url_, options_.answer_timeout); !good) {
        return good;
      }
    }
    return {};
  }

  static RedisCall CallOf(ScriptCall script) {
    RedisCall call;
    call.script = script.script;
    call.command.effect = script.effect;
    call.command.key = script.keys.empty() ? 0 : 3;
    auto& arguments = call.command.arguments;
    arguments.reserve(3 + script.keys.size() + script.arguments.size());
    arguments = {"EVALSHA", script.script->sha1(),
                 std::to_string(script.keys.size())};
    for (std::string& key : script.keys) {
      const int slot = RedisSlotOf(key);
      if (call.slot >= 0 && slot != call.slot) {
        Refuse(call,
               "keys of a script in several slots: give them the same "
               "{hash tag}");
      }
      call.slot = slot;
      arguments.push_back(std::move(key));
    }
    for (std::string& argument : script.arguments) {
      arguments.push_back(std::move(argument));
    }
    return call;
  }

  static void Refuse(RedisCall& call, const std::string& why) {
    call.next = RedisCall::Next::kDone;
    call.answer = Fail(ErrorCode::kInvalidArgument, "Redis: " + why);
  }

  std::vector<Result<RedisReply>> Answers(std::vector<RedisCall>& calls) {
    dispatch_.Execute(calls);
    std::vector<Result<RedisReply>> answers;
    answers.reserve(calls.size());
    for (RedisCall& call : calls) answers.push_back(std::move(call.answer));
    return answers;
  }

  // `stopped`: by `visit`.
  Result<> Scan(const std::string& pattern,
                const std::function<Result<>(const std::string&)>& visit,
                bool& stopped) {
    const auto masters = routes_->Masters();
    if (!masters) return masters.Failure();
    for (RedisNode* node : *masters) {
      std::string cursor = "0";
      do {
        auto reply =
            node->Ask({"SCAN", cursor, "MATCH", pattern, "COUNT", kScanned},
                      options_.answer_timeout);
        if (!reply) return reply.Failure();
        const std::string at = "Redis at " + node->name() + ": SCAN: ";
        if (reply->kind == RedisReply::Kind::kError) {
          return Fail(CodeOf(reply->text), at + ExplainRefusal(reply->text));
        }
        if (reply->elements.size() != 2) {
          return Fail(ErrorCode::kFailedPrecondition, at + "unknown answer");
        }
        cursor = reply->elements[0].text;
        for (const RedisReply& key : reply->elements[1].elements) {
          if (auto visited = visit(key.text); !visited) {
            stopped = true;
            return visited;
          }
        }
      } while (cursor != "0");
    }
    return {};
  }

  const RedisUrl url_;
  const RedisOptions options_;
  const std::unique_ptr<MetricsRegistry> own_metrics_;
  RedisMeters meters_;
  const std::unique_ptr<RedisRoutes> routes_;
  RedisDispatch dispatch_;
};

}  // namespace

Result<std::unique_ptr<RedisClient>> RedisClient::Open(
    const RedisUrl& url, const RedisOptions& options,
    MetricsRegistry* metrics) {
  if (url.tls) {
    return Fail(ErrorCode::kUnimplemented,
                url.ForMessage() +
                    ": TLS needs hiredis 1.0 or later, and this program has "
                    "an older one: use redis:// through a TLS tunnel such as "
                    "stunnel, or inside a network that you trust");
  }
  return std::make_unique<RoutedClient>(url, options, metrics);
}

}  // namespace ocelli
