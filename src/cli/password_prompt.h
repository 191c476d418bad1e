#pragma once

#include <stop_token>
#include <string>

#include "core/result.h"

namespace ocelli {

// A new password: asked for twice where standard input is a terminal, which
// does not show it; otherwise the first line that comes there. Never from an
// argument: every user of the machine could read that. kInvalidArgument: none,
// or not the same twice. kCancelled by `stop`, with the terminal as it was.
Result<std::string> AskNewPassword(const std::string& user,
                                   const std::stop_token& stop);

}  // namespace ocelli
