#include "access/caller.h"

#include "core/check.h"

namespace ocelli {
namespace {

constexpr unsigned Bit(CallerKind kind) {
  return 1u << static_cast<unsigned>(kind);
}
constexpr unsigned kOpen = Bit(CallerKind::kOpen);
constexpr unsigned kOwner = Bit(CallerKind::kOwner);
constexpr unsigned kKey = Bit(CallerKind::kKey);
constexpr unsigned kUser = Bit(CallerKind::kUser);

struct Rule {
  Action action;
  std::string_view what;
  Scopes needs;
  unsigned kinds;
  // Not for keys that expire: what it makes outlives them.
  bool for_ever = false;
};

constexpr Rule kRules[] = {
    {Action::kRead, "read", Scope::kRead, kOpen | kOwner | kKey | kUser},
    {Action::kWrite, "change anything", Scope::kWrite,
     kOpen | kOwner | kKey | kUser},
    {Action::kAdminister, "administer the service", Scope::kAdmin,
     kOwner | kKey | kUser},
    {Action::kSeeAccess, "see keys, users and the audit log", Scope::kAdmin,
     kOwner | kKey | kUser},
    {Action::kManageKeys, "make and revoke keys", Scope::kAdmin,
     kOwner | kKey | kUser},
    {Action::kManageUsers, "add, change and remove users", Scope::kAdmin,
     kOwner | kKey | kUser, true},
    {Action::kChangeOwnPassword, "change a password of their own", Scopes(),
     kUser},
};

auto Refuse(const Caller& caller, const std::string& why) {
  return Fail(ErrorCode::kPermissionDenied,
              CallerText(caller) + " may not " + why);
}

}  // namespace

Caller Caller::Owner() {
  return {CallerKind::kOwner, "command line", {}, Scope::kAdmin, {}};
}

Caller Caller::Open() {
  return {CallerKind::kOpen, "anybody", {}, Scope::kRead | Scope::kWrite, {}};
}

Result<> Authorize(const Caller& caller, Action action) {
  const Rule* rule = nullptr;
  for (const Rule& known : kRules) {
    if (known.action == action) rule = &known;
  }
  OCELLI_CHECK(rule);
  const std::string what(rule->what);
  if (caller.kind == CallerKind::kNobody) {
    return Fail(ErrorCode::kUnauthenticated,
                "an API key or a log-in is needed to " + what);
  }
  if (!(rule->kinds & Bit(caller.kind))) return Refuse(caller, what);
  if (!caller.scopes.Include(rule->needs)) {
    return Refuse(caller, what + ": that needs the scope " +
                              rule->needs.ToText() + ", not only " +
                              caller.scopes.ToText());
  }
  if (rule->for_ever && caller.expires) {
    return Refuse(caller, what + ": it expires itself");
  }
  return {};
}

Result<> AuthorizeGrant(
    const Caller& caller, Scopes scopes,
    std::optional<std::chrono::system_clock::time_point> until) {
  if (!caller.scopes.Include(scopes)) {
    return Refuse(caller, "give the scope " + scopes.ToText() +
                              ": it has only " + caller.scopes.ToText());
  }
  if (caller.expires && (!until || *until > *caller.expires)) {
    return Refuse(caller, "make what lasts longer than itself");
  }
  return {};
}

std::string CallerText(const Caller& caller) {
  switch (caller.kind) {
    case CallerKind::kNobody:
      return "nobody";
    case CallerKind::kOpen:
      return "anybody without a key";
    case CallerKind::kOwner:
      return "the command line";
    case CallerKind::kKey:
      return "key \"" + caller.name + "\"";
    case CallerKind::kUser:
      return "user \"" + caller.name + "\"";
  }
  return {};
}

}  // namespace ocelli
