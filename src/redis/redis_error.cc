#include "redis/redis_error.h"

#include <charconv>

namespace ocelli {
namespace {

constexpr std::size_t kShownBytes = 200;

struct Meaning {
  std::string_view begin;
  ErrorCode code;
  RedisRefusal refusal;
  const char* advice;
};

using enum ErrorCode;
using enum RedisRefusal;

// The first that fits. Source: server.c and the other places of Redis 7.0 that
// answer errors.
constexpr Meaning kMeanings[] = {
    {"MOVED ", kFailedPrecondition, kMoved,
     "this is a Cluster: say redis+cluster://"},
    {"ASK ", kUnavailable, kAsk, nullptr},
    {"NOSCRIPT", kInternal, kNoScript, nullptr},
    {"TRYAGAIN", kUnavailable, kLater, nullptr},
    {"CLUSTERDOWN", kUnavailable, kLater, nullptr},
    {"LOADING", kUnavailable, kLater, nullptr},
    {"MASTERDOWN", kUnavailable, kLater, nullptr},
    {"NOREPLICAS", kUnavailable, kLater, nullptr},
    {"BUSY ", kUnavailable, kLater, nullptr},
    {"UNBLOCKED", kUnavailable, kLater, nullptr},
    {"ERR max number of clients", kUnavailable, kLater,
     "raise maxclients of Redis, or connect less"},
    {"READONLY", kFailedPrecondition, kReplica,
     "this is a replica: give the address of its master, or "
     "redis+sentinel://"},
    {"NOAUTH", kPermissionDenied, kFinal,
     "say redis://USER:PASSWORD@HOST, or redis://:PASSWORD@HOST"},
    {"WRONGPASS", kPermissionDenied, kFinal,
     "check user and password of the address"},
    {"ERR AUTH <password> called", kPermissionDenied, kFinal,
     "leave the password out of the address"},
    {"NOPERM", kPermissionDenied, kFinal,
     "give the user rights with ACL SETUSER"},
    {"DENIED", kPermissionDenied, kFinal, nullptr},
    {"OOM", kResourceExhausted, kFinal,
     "Redis is over its maxmemory: raise it, or purge what is no longer "
     "wanted"},
    {"MISCONF", kResourceExhausted, kFinal, nullptr},
    {"WRONGTYPE", kFailedPrecondition, kFinal, "another program uses this key"},
    {"BUSYGROUP", kAlreadyExists, kFinal, nullptr},
    {"BUSYKEY", kAlreadyExists, kFinal, nullptr},
    {"NOGROUP", kNotFound, kFinal, nullptr},
    {"CROSSSLOT", kInvalidArgument, kFinal, nullptr},
    {"EXECABORT", kFailedPrecondition, kFinal, nullptr},
    {"ERR unknown ", kUnimplemented, kFinal,
     "this Redis is too old or has not this module"},
    {"ERR Unknown Redis command called from script", kUnimplemented, kFinal,
     "this Redis is too old or has not this module"},
    {"ERR This instance has cluster support disabled", kFailedPrecondition,
     kFinal, "this is no Cluster: say redis:// or redis+sentinel://"},
    {"ERR No such master with that name", kNotFound, kFinal,
     "the sentinels know their masters under other names"},
    {"ERR DB index is out of range", kInvalidArgument, kFinal,
     "raise databases of Redis, or take another number"},
    {"ERR SELECT is not allowed in cluster mode", kFailedPrecondition, kFinal,
     "this is a Cluster: say redis+cluster://"},
    {"ERR ", kInvalidArgument, kFinal, nullptr},
};

const Meaning* MeaningOf(std::string_view error) {
  for (const Meaning& meaning : kMeanings) {
    if (error.starts_with(meaning.begin)) return &meaning;
  }
  return nullptr;
}

}  // namespace

RedisRefusal RefusalOf(std::string_view error) {
  const Meaning* meaning = MeaningOf(error);
  return meaning != nullptr ? meaning->refusal : kFinal;
}

ErrorCode CodeOf(std::string_view error) {
  const Meaning* meaning = MeaningOf(error);
  return meaning != nullptr ? meaning->code : kInternal;
}

std::string ExplainRefusal(std::string_view error) {
  const Meaning* meaning = MeaningOf(error);
  // "ERR unknown command 'X', with args beginning with: ..."
  std::string_view said = error.substr(0, error.find(", with args"));
  std::string text;
  for (const char c : said.substr(0, kShownBytes)) {
    text += c >= ' ' && c < 0x7f ? c : '?';
  }
  while (text.ends_with(' ') || text.ends_with('.')) text.pop_back();
  if (meaning != nullptr && meaning->advice != nullptr) {
    text += std::string(": ") + meaning->advice;
  }
  return text;
}

std::optional<RedisHost> RedirectedTo(std::string_view error,
                                      const RedisHost& asked) {
  const std::size_t colon = error.rfind(':');
  const std::size_t blank = error.rfind(' ');
  if (colon == error.npos || blank == error.npos || colon < blank) return {};
  RedisHost host = asked;
  if (colon > blank + 1) host.name = error.substr(blank + 1, colon - blank - 1);
  const char* end = error.data() + error.size();
  const auto [stop, bad] =
      std::from_chars(error.data() + colon + 1, end, host.port);
  if (bad != std::errc() || stop != end || host.port == 0) return {};
  return host;
}

}  // namespace ocelli
