// ocelli session: live sessions that are kept for another process.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"
#include "cli/duration.h"
#include "cli/json_output.h"
#include "cli/live_session_flags.h"
#include "cli/redis_flags.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

double Seconds(std::chrono::milliseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

void List(const std::string& address, CommandContext& context) {
  const auto sessions = OpenRedisSessions(context, address);
  if (!sessions) return context.Fail(sessions.error());
  const auto list = sessions->store->List();
  if (!list) return context.Fail(list.error());
  for (const SessionSummary& session : *list) {
    const bool used = session.remaining.count() > 0;
    const std::string owner = OwnerText(session.owner, session.taken);
    Report(context,
           {{"session", session.name},
            {"in_use", used},
            {"owner", session.owner},
            {"taken_seconds_ago", Seconds(session.taken)},
            {"saved_seconds_ago",
             session.bytes > 0 ? Json(Seconds(session.saved)) : Json(nullptr)},
            {"bytes", session.bytes}},
           session.name + ": " +
               (used ? "in use by " + owner
                     : "free; kept " + DurationText(session.saved) + " ago"));
  }
}

void Remove(const std::string& address, const std::string& name,
            CommandContext& context) {
  const auto sessions = OpenRedisSessions(context, address);
  if (!sessions) return context.Fail(sessions.error());
  const auto removed = sessions->store->Remove(name);
  if (!removed) return context.Fail(removed.error());
  Report(context, {{"removed", name}}, "session " + name + " removed");
}

}  // namespace

void AddSessionCommand(CLI::App& app, CommandContext& context) {
  auto address = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "session", "Live sessions that are kept for another process");
  command->require_subcommand(1);
  command->footer(R"(Examples:
  ocelli live rtsp://cam/1 --out cam.mkv --session mall-12 --redis redis://10.0.0.1
  ocelli session list --redis redis://10.0.0.1
  ocelli session remove mall-12 --redis redis://10.0.0.1

A session holds what the people in it look like. It is removed an hour after
its last process ended, or by this.)");
  command->add_option("--redis", *address,
                      std::string(kRedisAddressHelp) +
                          "; else the setting redis.url (OCELLI_REDIS_URL)");
  CLI::App* list =
      command->add_subcommand("list", "Which there are, and who has them");
  list->callback([address, &context] { List(*address, context); });
  CLI::App* remove = command->add_subcommand(
      "remove", "Forget one that nobody has, with all it knows of people");
  remove->add_option("NAME", *name, "Of the session")->required();
  remove->callback(
      [address, name, &context] { Remove(*address, *name, context); });
}

}  // namespace ocelli
