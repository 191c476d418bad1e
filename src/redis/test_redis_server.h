#pragma once

#include <sys/types.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/test_folder.h"
#include "redis/redis_client.h"
#include "redis/test_process.h"

namespace ocelli {

struct RedisServerOptions {
  // As on the command line: {"--maxmemory", "2mb"}.
  std::vector<std::string> arguments;
  std::string password;      // Of the default user.
  bool append_only = false;  // What was acknowledged outlives a Kill().
  // What to run: Debian's redis-tools has the server inside.
  std::vector<std::string> program = {"/usr/bin/redis-check-rdb"};
};

// A real Redis on a free port of 127.0.0.1 with a folder of its own; keeps
// nothing on disk unless told. Ready when it is made. Not thread-safe.
class RedisServer {
 public:
  explicit RedisServer(RedisServerOptions options = {})
      : options_(std::move(options)) {
    process_ = std::make_unique<TestProcess>(Words(), "redis-server");
    OCELLI_CHECK(WaitUntilReady());
  }

  int port() const { return port_.number(); }
  pid_t pid() const { return process_->pid(); }
  const TestFolder& folder() const { return folder_; }
  std::string host() const { return "127.0.0.1:" + port_.text(); }
  std::string url() const {
    return options_.password.empty() ? "redis://" + host()
                                     : url("", options_.password);
  }
  std::string url(const std::string& user, const std::string& password) const {
    return "redis://" + user + ":" + password + "@" + host();
  }

  void Kill() { process_->Kill(); }  // SIGKILL.
  // On the same port, after Kill().
  void Restart() {
    process_->Start();
    OCELLI_CHECK(WaitUntilReady());
  }
  void Pause() { process_->Pause(); }  // SIGSTOP.
  void Resume() { process_->Resume(); }

  // One command, as an administrator: {"CONFIG", "SET", ...}.
  Result<RedisReply> Run(std::vector<std::string> words) const {
    auto client = RedisClient::Open(ParseRedisUrl(url()).value());
    return (*client)->Run({std::move(words), RedisEffect::kOnce, 0});
  }

 private:
  std::vector<std::string> Words() const {
    std::vector<std::string> words = options_.program;
    const auto add = [&](std::initializer_list<std::string> more) {
      words.insert(words.end(), more);
    };
    add({"--port", port_.text(), "--bind", "127.0.0.1", "--dir",
         folder_.path().string(), "--logfile", (folder_ / "redis.log").string(),
         "--save", "", "--appendonly", options_.append_only ? "yes" : "no",
         "--appendfsync", "always", "--repl-diskless-sync-delay", "0",
         "--repl-ping-replica-period", "1"});
    if (!options_.password.empty()) add({"--requirepass", options_.password});
    words.insert(words.end(), options_.arguments.begin(),
                 options_.arguments.end());
    return words;
  }
  bool WaitUntilReady() {
    return EventuallyTrue([&] {
             return process_->Ended() || Run({"PING"}).has_value();
           }) &&
           !process_->Ended();
  }

  const RedisServerOptions options_;
  TestFolder folder_;
  TestPort port_;
  std::unique_ptr<TestProcess> process_;
};

// A client of it, sure to be one.
inline std::unique_ptr<RedisClient> OpenTestRedis(
    const std::string& url, const RedisOptions& options = {},
    MetricsRegistry* metrics = nullptr) {
  return std::move(
      RedisClient::Open(ParseRedisUrl(url).value(), options, metrics).value());
}

// Six servers: a Cluster of three masters, each with a replica that takes over
// some 3 s after a kill (node time-out 2 s). Ready when it is made.
class RedisCluster {
 public:
  explicit RedisCluster(const RedisServerOptions& options = {}) {
    for (int i = 0; i < 6; ++i) {
      RedisServerOptions node = options;
      bus_ports_.emplace_back();
      const std::vector<std::string> words = {
          "--cluster-enabled",      "yes",
          "--cluster-node-timeout", "2000",
          "--cluster-port",         bus_ports_.back().text()};
      node.arguments.insert(node.arguments.end(), words.begin(), words.end());
      if (!options.password.empty()) {
        node.arguments.push_back("--masterauth");
        node.arguments.push_back(options.password);
      }
      nodes_.push_back(std::make_unique<RedisServer>(std::move(node)));
    }
    const char* slots[][2] = {
        {"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}};
    for (std::size_t i = 0; i < 6; ++i) {
      Must(i, {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
      if (i < 3)
        Must(i, {"CLUSTER", "ADDSLOTSRANGE", slots[i][0], slots[i][1]});
      // Each with each: to hear of the others takes longer.
      for (std::size_t j = 0; j < i; ++j) {
        Must(i, {"CLUSTER", "MEET", "127.0.0.1",
                 std::to_string(nodes_[j]->port()), bus_ports_[j].text()});
      }
    }
    for (std::size_t i = 3; i < 6; ++i) {
      const std::string master = Id(i - 3);
      OCELLI_CHECK(EventuallyTrue([&] {
        return Known(i) >= 6 &&
               nodes_[i]->Run({"CLUSTER", "REPLICATE", master}).has_value();
      }));
    }
    OCELLI_CHECK(WaitUntilWhole());
  }

  RedisServer& node(std::size_t i) { return *nodes_[i]; }
  std::size_t size() const { return nodes_.size(); }
  std::string url() const {
    const std::string first = nodes_[0]->url();
    const std::size_t login = first.rfind('@');
    std::string text = "redis+cluster://";
    if (login != first.npos) text += first.substr(8, login - 7);
    return text + nodes_[0]->host() + "," + nodes_[1]->host() + "," +
           nodes_[2]->host();
  }
  std::string Id(std::size_t i) const {
    return nodes_[i]->Run({"CLUSTER", "MYID"}).value().text;
  }

  // Which node is the master of the slot of `key`, as those alive see it.
  std::size_t MasterOf(const std::string& key) {
    const std::int64_t slot = RedisSlotOf(key);
    for (std::size_t asked = 0; asked < nodes_.size(); ++asked) {
      const auto slots = nodes_[asked]->Run({"CLUSTER", "SLOTS"});
      if (!slots) continue;
      for (const RedisReply& range : slots->elements) {
        if (slot < range.elements[0].integer ||
            slot > range.elements[1].integer) {
          continue;
        }
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
          if (nodes_[i]->port() == range.elements[2].elements[1].integer) {
            return i;
          }
        }
      }
    }
    OCELLI_CHECK(false && "no master");
    return 0;
  }

  // Every node agrees that all slots have a master and each master a replica
  // that has its data. Restart() what was killed first.
  bool WaitUntilWhole() {
    return EventuallyTrue([&] {
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const auto state = nodes_[i]->Run({"CLUSTER", "INFO"});
        const auto slots = nodes_[i]->Run({"CLUSTER", "SLOTS"});
        const auto link = nodes_[i]->Run({"INFO", "replication"});
        if (!state || !slots || !link ||
            state->text.find("cluster_state:ok") == std::string::npos ||
            slots->elements.size() < 3) {
          return false;
        }
        for (const RedisReply& range : slots->elements) {
          if (range.elements.size() < 4) return false;
        }
        if (link->text.find("role:slave") != std::string::npos &&
            link->text.find("master_link_status:up") == std::string::npos) {
          return false;
        }
      }
      return true;
    });
  }

 private:
  void Must(std::size_t i, std::vector<std::string> words) {
    OCELLI_CHECK(nodes_[i]->Run(std::move(words)).has_value());
  }
  std::ptrdiff_t Known(std::size_t i) {
    const auto known = nodes_[i]->Run({"CLUSTER", "NODES"});
    if (!known) return 0;
    return std::count(known->text.begin(), known->text.end(), '\n');
  }

  std::vector<std::unique_ptr<RedisServer>> nodes_;
  std::deque<TestPort> bus_ports_;
};

// A master "ocelli", a replica, and three sentinels that let the replica take
// over some 2 s after a kill, the first of them in the lead. Ready when it is
// made.
class RedisSentinels {
 public:
  explicit RedisSentinels(const RedisServerOptions& options = {})
      : password_(options.password) {
    RedisServerOptions data = options;
    if (!data.password.empty()) {
      data.arguments.push_back("--masterauth");
      data.arguments.push_back(data.password);
    }
    servers_.push_back(std::make_unique<RedisServer>(data));
    data.arguments.push_back("--replicaof");
    data.arguments.push_back("127.0.0.1 " +
                             std::to_string(servers_[0]->port()));
    servers_.push_back(std::make_unique<RedisServer>(data));
    for (int i = 0; i < 3; ++i) AddSentinel();
    OCELLI_CHECK(EventuallyTrue([&] { return Ready(); }));
  }

  // 0 begins as the master.
  RedisServer& server(std::size_t i) { return *servers_[i]; }
  std::string url() const {
    const std::string first = servers_[0]->url();
    const std::size_t login = first.rfind('@');
    std::string text = "redis+sentinel://";
    if (login != first.npos) text += first.substr(8, login - 7);
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      text += (i == 0 ? "127.0.0.1:" : ",127.0.0.1:") + ports_[i].text();
    }
    return text + "/ocelli";
  }
  TestProcess& sentinel(std::size_t i) { return *sentinels_[i]; }

  // One replica follows, and all sentinels know it and each other.
  bool Ready() {
    for (const TestPort& port : ports_) {
      auto client = OpenTestRedis(SentinelUrl(port.number()));
      const auto said = client->Run(
          {{"SENTINEL", "MASTER", "ocelli"}, RedisEffect::kRead, 0});
      if (!said) return false;
      std::map<std::string, std::string> parts;
      for (std::size_t i = 0; i + 1 < said->elements.size(); i += 2) {
        parts[said->elements[i].text] = said->elements[i + 1].text;
      }
      if (parts["num-slaves"] == "0" || parts["num-other-sentinels"] != "2" ||
          parts["flags"] != "master") {
        return false;
      }
      const auto replicas = client->Run(
          {{"SENTINEL", "REPLICAS", "ocelli"}, RedisEffect::kRead, 0});
      if (!replicas || replicas->elements.empty()) return false;
      for (const RedisReply& each : replicas->elements) {
        std::map<std::string, std::string> of;
        for (std::size_t i = 0; i + 1 < each.elements.size(); i += 2) {
          of[each.elements[i].text] = each.elements[i + 1].text;
        }
        if (of["flags"] != "slave" || of["master-link-status"] != "ok") {
          return false;
        }
      }
    }
    return true;
  }

 private:
  void AddSentinel() {
    const auto& folder = folders_.emplace_back(std::make_unique<TestFolder>());
    const int port = ports_.emplace_back().number();
    // The first is the first to act: three at once may all vote for themselves.
    const bool first = ports_.size() == 1;
    std::string text =
        "port " + std::to_string(port) + "\nbind 127.0.0.1\ndir " +
        folder->path().string() +
        "\nlogfile sentinel.log\nsentinel monitor ocelli 127.0.0.1 " +
        std::to_string(servers_[0]->port()) + (first ? " 1\n" : " 2\n") +
        "sentinel down-after-milliseconds ocelli " + (first ? "1000" : "4000") +
        "\nsentinel failover-timeout ocelli 5000\n";
    if (!password_.empty()) {
      text += "sentinel auth-pass ocelli " + password_ + "\nrequirepass " +
              password_ + "\nsentinel sentinel-pass " + password_ + "\n";
    }
    const auto file = *folder / "sentinel.conf";
    WriteTestFile(file, text);
    sentinels_.push_back(std::make_unique<TestProcess>(
        std::vector<std::string>{"/usr/bin/redis-check-rdb", file.string()},
        "redis-sentinel"));
    // They look at each other every 10 s else. A replica that was not pinged
    // for five periods is not promoted, and it tells of itself every second.
    OCELLI_CHECK(EventuallyTrue([&] {
      return OpenTestRedis(SentinelUrl(port))
          ->Run({{"SENTINEL", "DEBUG", "INFO-PERIOD", "200", "PUBLISH-PERIOD",
                  "200", "PING-PERIOD", "400", "ASK-PERIOD", "100"},
                 RedisEffect::kRepeatable,
                 0})
          .has_value();
    }));
  }

  std::string SentinelUrl(int port) const {
    return "redis://" + (password_.empty() ? "" : ":" + password_ + "@") +
           "127.0.0.1:" + std::to_string(port);
  }

  const std::string password_;  // Of servers and sentinels.
  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::deque<TestPort> ports_;
  std::vector<std::unique_ptr<TestFolder>> folders_;
  std::vector<std::unique_ptr<TestProcess>> sentinels_;
};

// One of each for all tests of a process, made when it is first wanted. For
// tests that kill nothing; they begin with FlushTestRedis().
inline RedisServer& SharedRedisServer() {
  static RedisServer server;
  return server;
}
inline RedisSentinels& SharedRedisSentinels() {
  static RedisSentinels sentinels;
  return sentinels;
}
inline RedisCluster& SharedRedisCluster() {
  static RedisCluster cluster;
  return cluster;
}

// Every key of every master.
inline void FlushTestRedis(RedisClient& client) {
  OCELLI_CHECK(
      client
          .ForEachKey("*",
                      [&](const std::string& key) {
                        const auto gone = client.Run({{"UNLINK", key}});
                        return gone ? Result<>() : gone.Failure();
                      })
          .has_value());
}

}  // namespace ocelli
