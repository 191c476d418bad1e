#include "redis/redis_dispatch.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "core/sleep.h"
#include "redis/redis_error.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Next = RedisCall::Next;

constexpr milliseconds kFirstPause{10};
constexpr milliseconds kLongestPause{150};
// A slot that moves while it is asked for takes two; more is a loop.
constexpr int kMostRedirections = 8;

std::string Doing(const RedisCall& call) {
  std::string text = "Redis";
  if (call.node != nullptr) text += " at " + call.node->name();
  const auto& arguments = call.command.arguments;
  return text + ": " + (arguments.empty() ? "no command" : arguments[0]);
}

bool Matters(ErrorCode code) {
  return code == ErrorCode::kUnavailable ||
         code == ErrorCode::kDeadlineExceeded;
}

}  // namespace

void RedisDispatch::Execute(std::span<RedisCall> calls) {
  const auto started = steady_clock::now();
  const auto give_up = started + options_.patience;
  std::chrono::nanoseconds pause = kFirstPause;
  std::vector<RedisCall*> open, round;
  open.reserve(calls.size());
  for (RedisCall& call : calls) {
    if (call.next != Next::kDone) open.push_back(&call);
  }
  while (!open.empty()) {
    round.clear();
    std::copy_if(open.begin(), open.end(), std::back_inserter(round),
                 [](const RedisCall* c) { return c->next == Next::kAtOnce; });
    if (round.empty()) {
      const auto left = give_up - steady_clock::now();
      if (left.count() <= 0) {
        routes_.Refresh(false);  // For whoever comes next.
        break;
      }
      SleepFor(std::min<std::chrono::nanoseconds>(WithJitter(pause), left), {});
      pause = std::min<std::chrono::nanoseconds>(pause * 2, kLongestPause);
      routes_.Refresh(true);
      round = open;
    }
    Round(round);
    std::erase_if(
        open, [](const RedisCall* call) { return call->next == Next::kDone; });
    if (!open.empty()) meters_.repeats.Add(static_cast<double>(open.size()));
  }
  meters_.commands.Add(static_cast<double>(calls.size()));
  const auto errors =
      std::count_if(calls.begin(), calls.end(),
                    [](const RedisCall& call) { return !call.answer; });
  if (errors > 0) meters_.errors.Add(static_cast<double>(errors));
  meters_.seconds.Observe(
      std::chrono::duration<double>(steady_clock::now() - started).count());
}

void RedisDispatch::Pause() { SleepFor(WithJitter(kLongestPause), {}); }

// Each of `calls` once: to all servers first, then answers from all.
void RedisDispatch::Round(std::vector<RedisCall*>& calls) {
  for (RedisCall* call : calls) {
    call->node = std::exchange(call->asked, nullptr);
    const bool asking = call->node != nullptr;
    if (!asking) {
      auto found =
          routes_.Find(call->slot, call->command.effect == RedisEffect::kRead);
      if (!found) {
        Lost(*call, found.error(), false, false);
        continue;
      }
      call->node = *found;
    }
    call->asking = asking;
  }
  std::erase_if(calls,
                [](const RedisCall* call) { return call->node == nullptr; });
  // One order for all callers: of two that wait for connections of several
  // servers, neither can have what the other one wants.
  std::stable_sort(calls.begin(), calls.end(),
                   [](const RedisCall* a, const RedisCall* b) {
                     return std::less<>()(a->node, b->node);
                   });
  struct Group {
    std::span<RedisCall*> calls;
    RedisNode::Lease lease;
  };
  std::vector<Group> groups;
  for (std::size_t begin = 0; begin < calls.size();) {
    std::size_t end = begin;
    bool surely = false;
    for (; end < calls.size() && calls[end]->node == calls[begin]->node;
         ++end) {
      surely |= calls[end]->command.effect == RedisEffect::kOnce;
    }
    const std::span<RedisCall*> group(&calls[begin], end - begin);
    begin = end;
    auto lease = group[0]->node->Borrow(surely, options_.answer_timeout);
    if (!lease) {
      for (RedisCall* call : group) Lost(*call, lease.error(), false, false);
      continue;
    }
    Send(group, **lease);
    groups.push_back({group, std::move(*lease)});
  }
  for (Group& group : groups) Converse(group.calls, group.lease);
}

void RedisDispatch::Send(std::span<RedisCall*> calls,
                         RedisConnection& connection) {
  const RedisScript* whole = nullptr;
  for (RedisCall* call : calls) {
    // Once is enough for all that come after it.
    if (call->script != nullptr && call->command.arguments[0] == "EVAL") {
      if (call->script == whole) {
        call->command.arguments[0] = "EVALSHA";
        call->command.arguments[1] = whole->sha1();
      }
      whole = call->script;
    }
    if (call->asking) connection.Append("ASKING");
    connection.Append(call->command.arguments);
  }
  connection.Send();
}

void RedisDispatch::Converse(std::span<RedisCall*> calls,
                             RedisNode::Lease& lease) {
  for (std::size_t i = 0; i < calls.size(); ++i) {
    RedisCall& call = *calls[i];
    const auto deadline =
        steady_clock::now() + options_.answer_timeout + call.command.blocks;
    if (call.asking) {
      if (auto agreed = lease->Receive(deadline); !agreed) {
        Break(calls.subspan(i), lease, agreed.error());
        return;
      }
    }
    auto reply = lease->Receive(deadline);
    if (!reply) {
      Break(calls.subspan(i), lease, reply.error());
      return;
    }
    Read(call, std::move(*reply));
  }
  lease.Keep();
}

// The connection ended before these had an answer.
void RedisDispatch::Break(std::span<RedisCall*> calls, RedisNode::Lease& lease,
                          const Error& error) {
  RedisNode& node = *calls[0]->node;
  const bool stale = error.code == ErrorCode::kUnavailable && lease.reused();
  if (stale) {
    node.DropResting();
  } else if (Matters(error.code)) {
    node.Missed(Doing(*calls[0]) + ": " + error.message);
  }
  for (RedisCall* call : calls) {
    const bool at_once = stale && !std::exchange(call->replaced, true);
    Lost(*call, {error.code, Doing(*call) + ": " + error.message},
         lease->left(), at_once);
  }
}

void RedisDispatch::Lost(RedisCall& call, Error error, bool left,
                         bool at_once) {
  const bool again = Matters(error.code) &&
                     (!left || call.command.effect != RedisEffect::kOnce);
  if (left && !again && Matters(error.code)) {
    error.message += "; it may have been done all the same";
  }
  call.next = !again ? Next::kDone : at_once ? Next::kAtOnce : Next::kLater;
  call.answer = tl::unexpected(std::move(error));
}

void RedisDispatch::Read(RedisCall& call, RedisReply reply) {
  call.next = Next::kDone;
  if (reply.kind != RedisReply::Kind::kError) {
    call.answer = std::move(reply);
    return;
  }
  const std::string& error = reply.text;
  call.answer = Fail(CodeOf(error), Doing(call) + ": " + ExplainRefusal(error));
  switch (RefusalOf(error)) {
    case RedisRefusal::kFinal:
      break;
    case RedisRefusal::kMoved:
      Follow(call, error, false);
      break;
    case RedisRefusal::kAsk:
      Follow(call, error, true);
      break;
    case RedisRefusal::kNoScript:
      if (call.script == nullptr) break;
      if (++call.redirections > kMostRedirections) break;
      call.command.arguments[0] = "EVAL";
      call.command.arguments[1] = call.script->source();
      call.next = Next::kAtOnce;
      break;
    case RedisRefusal::kLater:
      call.next = Next::kLater;
      break;
    case RedisRefusal::kReplica:
      if (url_.topology == RedisTopology::kSingle) break;
      call.answer.error().code = ErrorCode::kUnavailable;
      call.next = Next::kLater;
      break;
  }
}

void RedisDispatch::Follow(RedisCall& call, const std::string& error,
                           bool ask) {
  meters_.redirections.Add();
  const auto host = RedirectedTo(error, call.node->host());
  RedisNode* node = host ? routes_.Redirected(*host) : nullptr;
  if (node == nullptr) return;
  call.answer =
      Fail(ErrorCode::kUnavailable, Doing(call) + ": " + ExplainRefusal(error));
  // Servers that disagree about a slot while one of them is elected.
  if (++call.redirections > kMostRedirections) {
    call.redirections = 0;
    call.next = Next::kLater;
    return;
  }
  if (ask) {
    call.asked = node;
  } else {
    routes_.Moved(call.slot, node);
  }
  call.next = Next::kAtOnce;
}

// Between half and all of it, so that many who lost the same server do not
// come back together.
std::chrono::nanoseconds RedisDispatch::WithJitter(
    std::chrono::nanoseconds pause) {
  const std::uint32_t next =
      jitter_.fetch_add(0x9e3779b9, std::memory_order_relaxed);
  return pause / 2 + pause / 2 * (next >> 16) / 65536;
}

}  // namespace ocelli
