#include "jobs/redis_job_keeper.h"

#include <algorithm>
#include <set>

#include "core/parse_number.h"
#include "jobs/job_record.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kListed = 1000;
constexpr std::size_t kPage =
    200;  // Entries of a stream, or commands, at once.

std::string FieldOf(const RedisReply& entry, std::string_view name) {
  if (entry.elements.size() != 2) return {};
  const auto& fields = entry.elements[1].elements;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    if (fields[i].text == name) return fields[i + 1].text;
  }
  return {};
}

DeadJob DeadJobOf(int partition, const RedisReply& entry) {
  DeadJob dead;
  if (!entry.elements.empty()) {
    dead.id = std::to_string(partition) + ":" + entry.elements[0].text;
  }
  dead.reason = FieldOf(entry, "reason");
  dead.attempts = static_cast<int>(std::min<std::uint64_t>(
      ParseNumber<std::uint64_t>(FieldOf(entry, "attempts")).value_or(0),
      1'000'000));
  if (auto job = DecodeJob(FieldOf(entry, "job"))) dead.job = std::move(*job);
  return dead;
}

// The time in the id of an entry, for sorting.
std::uint64_t TimeOf(const DeadJob& dead) {
  const auto colon = dead.id.find(':') + 1;
  const std::string_view id = std::string_view(dead.id).substr(colon);
  return ParseNumber<std::uint64_t>(id.substr(0, id.find('-'))).value_or(0);
}

}  // namespace

Result<QueueStatus> RedisJobKeeper::Status() {
  const RedisJobLayout& layout = context_.layout;
  const milliseconds gone = std::max<milliseconds>(
      context_.options.takeover * 4, std::chrono::seconds(10));
  std::vector<RedisClient::ScriptCall> calls;
  for (int p = 0; p < layout.partitions; ++p) {
    calls.push_back(
        {.script = &JobScripts().status,
         .keys = {layout.Stream(p), layout.Delayed(p), layout.Dead(p)},
         .arguments = {std::to_string(gone.count())},
         .effect = RedisEffect::kRepeatable});
  }
  QueueStatus status;
  status.group = layout.group;
  std::set<std::string> workers;
  for (const auto& reply : context_.redis.RunScripts(std::move(calls))) {
    const std::string doing = "asking how the jobs stand";
    if (!reply) return reply.Failure(doing);
    const auto& counts = reply->elements;
    if (counts.size() != 6) return StrangeReply(doing);
    const std::uint64_t entries = CountIn(counts[0]);
    const std::uint64_t pending = std::min(CountIn(counts[1]), entries);
    const std::uint64_t delayed = std::min(CountIn(counts[2]), pending);
    const std::uint64_t returned = std::min(CountIn(counts[3]), delayed);
    status.waiting += entries - pending + returned;
    status.taken += pending - delayed;
    status.delayed += delayed - returned;
    status.dead += CountIn(counts[4]);
    for (const RedisReply& worker : counts[5].elements) {
      workers.insert(worker.text);
    }
  }
  status.workers.assign(workers.begin(), workers.end());
  context_.metrics.Show(status);
  return status;
}

Result<std::vector<BatchStatus>> RedisJobKeeper::Batches() {
  const auto listed = context_.redis.Run(
      {.arguments = {"ZRANGE", context_.layout.Batches(), "0",
                     std::to_string(kListed - 1), "REV"}});
  if (!listed) return listed.Failure("listing batches");
  std::vector<std::string> ids;
  for (const RedisReply& id : listed->elements) {
    if (IsPlainName(id.text)) ids.push_back(id.text);
  }
  std::vector<BatchStatus> all;
  constexpr std::size_t kAtOnce = 64;
  for (std::size_t i = 0; i < ids.size(); i += kAtOnce) {
    auto some =
        StatusOf(std::span(ids).subspan(i, std::min(kAtOnce, ids.size() - i)));
    if (!some) return some.Failure("listing batches");
    for (BatchStatus& status : *some) all.push_back(std::move(status));
  }
  // Those that are over are forgotten by the list, too.
  if (all.size() < ids.size()) {
    std::set<std::string> gone(ids.begin(), ids.end());
    for (const BatchStatus& status : all) gone.erase(status.batch);
    std::vector<std::string> arguments = {"ZREM", context_.layout.Batches()};
    arguments.insert(arguments.end(), gone.begin(), gone.end());
    const auto removed =
        context_.redis.Run({.arguments = std::move(arguments)});
    if (!removed) return removed.Failure("listing batches");
  }
  return all;
}

Result<BatchStatus> RedisJobKeeper::Batch(const std::string& batch) {
  if (!IsPlainName(batch)) return tl::unexpected(NoBatch(batch));
  auto status = StatusOf(std::span(&batch, 1));
  if (!status) return status.Failure("asking for batch " + batch);
  if (status->empty()) return tl::unexpected(NoBatch(batch));
  return std::move(status->front());
}

Result<std::vector<BatchStatus>> RedisJobKeeper::StatusOf(
    std::span<const std::string> batches) {
  const RedisJobLayout& layout = context_.layout;
  std::vector<RedisCommand> commands;
  for (const std::string& batch : batches) {
    commands.push_back({.arguments = {"HMGET", layout.Batch(batch), "created",
                                      "total", "description"}});
    for (int p = 0; p < layout.partitions; ++p) {
      commands.push_back({.arguments = {"HMGET", layout.Results(p, batch),
                                        "submitted", "done", "failed"}});
    }
  }
  const auto replies = context_.redis.RunAll(std::move(commands));
  for (const auto& reply : replies) {
    if (!reply) return reply.Failure();
    if (reply->elements.size() != 3) return StrangeReply("HMGET");
  }
  std::vector<BatchStatus> all;
  std::size_t at = 0;
  for (const std::string& batch : batches) {
    const auto& known = replies[at++]->elements;
    BatchStatus status;
    status.batch = batch;
    status.group = layout.group;
    status.complete = !known[1].nil();
    status.created = std::chrono::system_clock::time_point(milliseconds(
        std::min<std::uint64_t>(CountIn(known[0]), std::uint64_t{1} << 43)));
    status.description = known[2].text;
    for (int p = 0; p < layout.partitions; ++p) {
      const auto& counts = replies[at++]->elements;
      status.submitted += CountIn(counts[0]);
      status.done += CountIn(counts[1]);
      status.failed += CountIn(counts[2]);
    }
    if (!known[0].nil()) all.push_back(std::move(status));
  }
  return all;
}

Result<> RedisJobKeeper::ForEachEntry(
    const std::string& stream,
    const std::function<Result<>(const RedisReply& entry)>& visit) {
  std::string from = "-";
  while (true) {
    const auto page =
        context_.redis.Run({.arguments = {"XRANGE", stream, from, "+", "COUNT",
                                          std::to_string(kPage)}});
    if (!page) return page.Failure();
    for (const RedisReply& entry : page->elements) {
      if (entry.elements.size() != 2) return StrangeReply("XRANGE");
      if (auto visited = visit(entry); !visited) return visited;
    }
    if (page->elements.size() < kPage) return {};
    from = "(" + page->elements.back().elements[0].text;
  }
}

Result<std::uint64_t> RedisJobKeeper::Retry(const std::string& batch) {
  if (auto known = Batch(batch); !known) return known.Failure();
  const RedisJobLayout& layout = context_.layout;
  const std::string doing = "trying batch " + batch + " again";
  std::uint64_t again = 0;
  for (int p = 0; p < layout.partitions; ++p) {
    const std::vector<std::string> first = {context_.ResultTtl(), layout.Bell(),
                                            std::to_string(p)};
    std::vector<std::string> arguments = first;
    const auto send = [&]() -> Result<> {
      if (arguments.size() == first.size()) return {};
      const auto reply = context_.redis.RunScript(
          JobScripts().retry,
          {layout.Stream(p), layout.Results(p, batch), layout.Dead(p)},
          std::exchange(arguments, first));
      if (!reply) return reply.Failure();
      again += CountIn(*reply);
      return {};
    };
    auto visited =
        ForEachEntry(layout.Dead(p), [&](const RedisReply& entry) -> Result<> {
          const DeadJob dead = DeadJobOf(p, entry);
          if (dead.job.batch != batch) return {};
          arguments.push_back(entry.elements[0].text);
          arguments.push_back(std::to_string(dead.job.index));
          arguments.push_back(EncodeJob(dead.job));
          if (arguments.size() < first.size() + 3 * kScriptJobs) return {};
          return send();
        });
    if (visited) visited = send();
    if (!visited) return visited.Failure(doing);
  }
  return again;
}

Result<std::vector<DeadJob>> RedisJobKeeper::Dead(std::size_t max) {
  const RedisJobLayout& layout = context_.layout;
  std::vector<RedisCommand> commands;
  for (int p = 0; p < layout.partitions; ++p) {
    commands.push_back({.arguments = {"XREVRANGE", layout.Dead(p), "+", "-",
                                      "COUNT", std::to_string(max)}});
  }
  std::vector<DeadJob> newest;
  int partition = 0;
  for (const auto& reply : context_.redis.RunAll(std::move(commands))) {
    if (!reply) return reply.Failure("reading dead letters");
    for (const RedisReply& entry : reply->elements) {
      newest.push_back(DeadJobOf(partition, entry));
    }
    ++partition;
  }
  std::stable_sort(
      newest.begin(), newest.end(),
      [](const DeadJob& a, const DeadJob& b) { return TimeOf(a) > TimeOf(b); });
  if (newest.size() > max) newest.resize(max);
  return newest;
}

Result<> RedisJobKeeper::RunAll(std::vector<RedisCommand>& commands) {
  if (commands.empty()) return {};
  for (const auto& reply : context_.redis.RunAll(std::exchange(commands, {}))) {
    if (!reply) return reply.Failure();
  }
  return {};
}

Result<> RedisJobKeeper::PurgeBatch(const std::string& batch) {
  const RedisJobLayout& layout = context_.layout;
  // In this order: nobody submits more, no result is kept any more, and then
  // the jobs go.
  const auto buried = context_.redis.RunScript(
      JobScripts().bury, {layout.Batch(batch)},
      {std::to_string(milliseconds(std::chrono::hours(1)).count()),
       layout.News(batch)});
  if (!buried) return buried.Failure();
  if (buried->integer == 0) return tl::unexpected(NoBatch(batch));
  std::vector<RedisCommand> commands;
  for (int p = 0; p < layout.partitions; ++p) {
    commands.push_back({.arguments = {"UNLINK", layout.Results(p, batch)}});
  }
  if (auto ran = RunAll(commands); !ran) return ran;
  for (int p = 0; p < layout.partitions; ++p) {
    const auto remove = [&](const RedisReply& entry, bool dead) -> Result<> {
      const auto job = DecodeJob(FieldOf(entry, "job"));
      if (!job || job->batch != batch) return {};
      const std::string& id = entry.elements[0].text;
      commands.push_back(
          {.arguments = {"UNLINK", layout.Image(p, batch, job->index)}});
      if (!dead) {
        commands.push_back(
            {.arguments = {"XACK", layout.Stream(p), "workers", id}});
        commands.push_back({.arguments = {"ZREM", layout.Delayed(p), id}});
      }
      commands.push_back(
          {.arguments = {"XDEL", dead ? layout.Dead(p) : layout.Stream(p),
                         id}});
      return commands.size() < kPage ? Result<>() : RunAll(commands);
    };
    for (const bool dead : {false, true}) {
      auto visited =
          ForEachEntry(dead ? layout.Dead(p) : layout.Stream(p),
                       [&](const RedisReply& e) { return remove(e, dead); });
      if (visited) visited = RunAll(commands);
      if (!visited) return visited;
    }
  }
  commands.push_back({.arguments = {"ZREM", layout.Batches(), batch}});
  return RunAll(commands);
}

Result<std::uint64_t> RedisJobKeeper::Purge(const std::string& batch) {
  if (!batch.empty()) {
    if (!IsPlainName(batch)) return tl::unexpected(NoBatch(batch));
    if (auto purged = PurgeBatch(batch); !purged) {
      return purged.Failure("purging");
    }
    return 1;
  }
  auto batches = Batches();
  if (!batches) return batches.Failure();
  std::vector<RedisCommand> commands;
  for (int p = 0; p < context_.layout.partitions; ++p) {
    commands.push_back({.arguments = {"UNLINK", context_.layout.Dead(p)}});
  }
  if (auto ran = RunAll(commands); !ran) return ran.Failure("purging");
  std::uint64_t purged = 0;
  for (const BatchStatus& status : *batches) {
    if (!status.complete || status.done < status.submitted) continue;
    if (auto gone = PurgeBatch(status.batch);
        !gone && gone.error().code != ErrorCode::kNotFound) {
      return gone.Failure("purging");
    }
    ++purged;
  }
  return purged;
}

}  // namespace ocelli
