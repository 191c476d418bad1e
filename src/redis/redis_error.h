#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "redis/redis_reply.h"
#include "redis/redis_url.h"

namespace ocelli {

// What an error that a server answered means for who sent the command.
enum class RedisRefusal {
  kFinal,     // Sent again, it would be the same.
  kMoved,     // MOVED: the slot is elsewhere.
  kAsk,       // ASK: this once, elsewhere.
  kNoScript,  // NOSCRIPT: it wants the source.
  kLater,     // Not done, but may be soon: LOADING, TRYAGAIN, ...
  kReplica,   // READONLY: not the master any more, or never.
};

// By its first word, as Redis has it.
RedisRefusal RefusalOf(std::string_view error);

// The code of the Error that `error` becomes.
ErrorCode CodeOf(std::string_view error);

// What it said, fit for a message, and what to do about it where we know.
// Without the arguments that some errors repeat.
std::string ExplainRefusal(std::string_view error);

// "3999 127.0.0.1:6381" after MOVED or ASK; `asked` where no host is named.
std::optional<RedisHost> RedirectedTo(std::string_view error,
                                      const RedisHost& asked);

}  // namespace ocelli
