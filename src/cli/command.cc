#include "cli/command.h"

#include <algorithm>
#include <cstdio>
#include <thread>

namespace ocelli {

void CommandContext::Fail(const Error& error) {
  PrintError(error.message);
  exit_code =
      error.code == ErrorCode::kInvalidArgument ? kExitUsage : kExitSomeFailed;
}

void PrintError(const std::string& message) {
  std::fprintf(stderr, "ocelli: %s\n", message.c_str());
}

int JobCount(int wanted, std::size_t items) {
  const auto most = static_cast<int>(std::min<std::size_t>(items, 256));
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(wanted > 0 ? wanted : processors, 1, std::max(most, 1));
}

}  // namespace ocelli
