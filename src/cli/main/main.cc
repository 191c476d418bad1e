// The program: global flags, signals, and the list of subcommands.

#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <stop_token>
#include <thread>

#include "cli/command.h"
#include "core/log.h"

namespace ocelli {
namespace {

// SIGINT and SIGTERM request a stop; a second one ends the process at once.
// Made before any other thread, so that all of them leave signals to it.
class StopOnSignals {
 public:
  StopOnSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] { Wait(); });
  }
  ~StopOnSignals() {
    ending_ = true;
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  void Wait() {
    int signal = 0;
    sigwait(&signals_, &signal);
    if (ending_) return;
    std::fputs("\nocelli: stopping; once more to stop at once\n", stderr);
    source_.request_stop();
    sigwait(&signals_, &signal);
    if (!ending_) _exit(kExitInterrupted);
  }

  sigset_t signals_;
  std::stop_source source_;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

struct GlobalFlags {
  std::string data;
  std::string config;
  std::string log_level = "warning";
  std::string log_format = "text";
};

void AddGlobalFlags(CLI::App& app, GlobalFlags& flags,
                    CommandContext& context) {
  app.add_option("--data", flags.data,
                 "Folder for models, people and cached results")
      ->envname("OCELLI_DATA");
  app.add_option("--config", flags.config, "Settings in a TOML file")
      ->envname("OCELLI_CONFIG");
  app.add_flag("--json", context.json, "Results as JSON, one line each");
  app.add_option("--log-level", flags.log_level,
                 "debug, info, warning, error or off")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  app.add_option("--log-format", flags.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

Result<> Prepare(const GlobalFlags& flags, CommandContext& context) {
  const std::map<std::string, LogLevel> levels = {
      {"debug", LogLevel::kDebug},
      {"info", LogLevel::kInfo},
      {"warning", LogLevel::kWarning},
      {"error", LogLevel::kError},
      {"off", LogLevel::kOff}};
  ConfigureLog({levels.at(flags.log_level), flags.log_format == "json"
                                                ? LogFormat::kJson
                                                : LogFormat::kText});
  context.paths =
      FindPaths(flags.data.empty()
                    ? std::nullopt
                    : std::optional(std::filesystem::absolute(flags.data)));
  if (!flags.config.empty()) {
    const auto loaded = context.config.LoadFile(flags.config);
    if (!loaded) return loaded.Failure();
  }
  context.config.LoadEnvironment(environ);
  return {};
}

int Main(int argc, char** argv) {
  StopOnSignals signals;
  CommandContext context;
  context.stop = signals.token();
  GlobalFlags flags;
  CLI::App app(
      "Ocelli recognises each distinct image once: faces of people, and "
      "pictures "
      "that look alike.",
      "ocelli");
  app.set_version_flag("--version", "ocelli " OCELLI_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.set_help_all_flag("--help-all", "Help of every command");
  AddGlobalFlags(app, flags, context);
  AddRecognizeCommand(app, context);
  AddPeopleCommand(app, context);
  AddVerifyCommand(app, context);
  AddCollectCommand(app, context);
  AddCollectionCommand(app, context);
  AddSearchCommand(app, context);
  AddCompareCommand(app, context);
  AddDuplicatesCommand(app, context);
  AddLiveCommand(app, context);
  AddSessionCommand(app, context);
  AddEffectsCommand(app, context);
  AddArchiveCommand(app, context);
  AddServeCommand(app, context);
  AddKeyCommand(app, context);
  AddUserCommand(app, context);
  AddSubmitCommand(app, context);
  AddWorkerCommand(app, context);
  AddJobsCommand(app, context);
  AddConfigCommand(app, context);
  AddModelsCommand(app, context);
  AddCacheCommand(app, context);
  AddEvalCommand(app, context);
  AddDemoCommand(app, context);
  // Runs before the callback of the subcommand, which does the work.
  app.parse_complete_callback([&] {
    const auto prepared = Prepare(flags, context);
    if (prepared) return;
    context.Fail(prepared.error());
    throw CLI::RuntimeError(context.exit_code);
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  if (context.stop.stop_requested() && !context.ends_by_stop) {
    context.exit_code = kExitInterrupted;
  }
  if (std::fflush(stdout) != 0) {
    PrintError("writing results failed: is the disk full?");
    return kExitSomeFailed;
  }
  return context.exit_code;
}

}  // namespace
}  // namespace ocelli

int main(int argc, char** argv) {
  // Pictures get mappings of their own, which go back to the system when freed.
  // Left alone, glibc raises this with the first one and keeps the next ones.
  constexpr int kLarge = 16 << 20;
  mallopt(M_MMAP_THRESHOLD, kLarge);
  mallopt(M_TRIM_THRESHOLD, kLarge);
  return ocelli::Main(argc, argv);
}
