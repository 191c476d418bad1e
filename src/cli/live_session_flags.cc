#include "cli/live_session_flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>

#include "cli/redis_flags.h"

namespace ocelli {
namespace {

constexpr char kEffect[] = "--effect";
// What of a session is the same wherever it goes on.
constexpr std::array kKept = {
    kEffect,         "--analyze-fps", "--detect-every", "--no-smoothing",
    "--mesh-points", "--detector",    "--mesh-model",   "--describer",
    "--mesh-passes", "--min-face",    "--min-score",    "--threshold",
    "--bitrate",     "--preset",      "--no-sound"};

}  // namespace

void AddLiveSessionFlags(CLI::App& command, LiveSessionFlags& flags) {
  const std::string group = "Session";
  CLI::Option* name =
      command
          .add_option("--session", flags.name,
                      "Keep tracks, names, settings and counters under this "
                      "name; a session of before goes on, here or elsewhere. "
                      "Without --effect and flags about faces its own hold")
          ->group(group);
  command
      .add_option("--redis", flags.redis,
                  std::string("Where: ") + kRedisAddressHelp +
                      "; else the setting redis.url (OCELLI_REDIS_URL)")
      ->needs(name)
      ->group(group);
  command
      .add_flag("--take-over", flags.take_over,
                "Also from a process that is alive: that one stops")
      ->needs(name)
      ->group(group);
  command
      .add_flag("--new-session", flags.begin_anew,
                "Forget what was kept under that name")
      ->needs(name)
      ->group(group);
}

Result<RedisSessions> OpenRedisSessions(const CommandContext& context,
                                        const std::string& given,
                                        MetricsRegistry* metrics) {
  const auto address = RedisAddress(context, given);
  if (!address) return address.Failure();
  // Short, so that a node that hangs leaves time for another try within the
  // lease.
  RedisOptions options;
  options.connect_timeout = std::chrono::milliseconds(700);
  options.answer_timeout = std::chrono::milliseconds(700);
  options.breaker_open = std::chrono::milliseconds(200);
  options.connections = 2;
  options.max_reply_bytes = 8 << 20;
  auto redis = OpenRedis(context, *address, options, metrics);
  if (!redis) return redis.Failure();
  RedisSessions sessions{std::move(*redis), nullptr};
  sessions.store = MakeRedisSessionStore(*sessions.redis);
  return sessions;
}

std::string ThisProcess() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return std::string(host.data()) + ", process " + std::to_string(getpid());
}

std::vector<LiveSetting> SettingsToKeep(const CLI::App& command) {
  std::vector<LiveSetting> settings;
  for (const char* name : kKept) {
    const CLI::Option* option = command.get_option_no_throw(name);
    if (option && option->count() > 0) {
      settings.push_back({name, option->results()});
    }
  }
  return settings;
}

Result<> ApplySettings(CLI::App& command,
                       const std::vector<LiveSetting>& settings, bool effects) {
  for (const LiveSetting& setting : settings) {
    const bool kept =
        std::find(kKept.begin(), kKept.end(), setting.name) != kKept.end();
    if (!kept || (setting.name == kEffect && !effects)) continue;
    CLI::Option* option = command.get_option_no_throw(setting.name);
    if (!option || option->count() > 0) continue;
    try {
      for (const std::string& value : setting.values) option->add_result(value);
      option->run_callback();
    } catch (const CLI::Error& error) {
      return Fail(
          ErrorCode::kDataLoss,
          "its " + setting.name + " can't be used here: " + error.what());
    }
  }
  return {};
}

}  // namespace ocelli
