#include "redis/cluster_slots.h"

#include <optional>

namespace ocelli {
namespace {

constexpr std::int64_t kSlots = 16384;

// [address, port, id, ...]. None where a server does not know its own address
// yet and another one was asked.
std::optional<RedisHost> ParseNode(const RedisReply& reply,
                                   const RedisHost& asked) {
  if (reply.elements.size() < 2) return {};
  const RedisReply& name = reply.elements[0];
  const std::int64_t port = reply.elements[1].integer;
  if (port < 1 || port > 65535) return {};
  RedisHost host{name.text, static_cast<std::uint16_t>(port)};
  if (name.nil() || name.text.empty()) host.name = asked.name;
  if (host.name == "?" || host.name.size() > 255) return {};
  return host;
}

}  // namespace

Result<std::vector<RedisSlotRange>> ParseClusterSlots(const RedisReply& reply,
                                                      const RedisHost& asked) {
  std::vector<RedisSlotRange> ranges;
  const auto strange = [&] {
    return Fail(
        ErrorCode::kFailedPrecondition,
        "Redis at " + asked.ToString() + ": unknown answer to CLUSTER SLOTS");
  };
  if (!reply.is_array() || reply.elements.size() > kSlots) return strange();
  for (const RedisReply& element : reply.elements) {
    if (element.elements.size() < 3) return strange();
    const std::int64_t first = element.elements[0].integer;
    const std::int64_t last = element.elements[1].integer;
    if (first < 0 || first > last || last >= kSlots) return strange();
    auto master = ParseNode(element.elements[2], asked);
    if (!master) continue;
    RedisSlotRange range{static_cast<int>(first),
                         static_cast<int>(last),
                         std::move(*master),
                         {}};
    for (std::size_t i = 3; i < element.elements.size(); ++i) {
      if (auto replica = ParseNode(element.elements[i], asked)) {
        range.replicas.push_back(std::move(*replica));
      }
    }
    ranges.push_back(std::move(range));
  }
  return ranges;
}

}  // namespace ocelli
