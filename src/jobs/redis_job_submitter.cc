#include "jobs/redis_job_submitter.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/sleep.h"
#include "jobs/job_record.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

// Sent in one go. Larger buffers are not kept by the client, and touching fresh
// memory costs more than another round trip.
constexpr std::size_t kPipelineBytes = 384 << 10;

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<std::string> RedisJobSubmitter::Begin(std::string_view description) {
  const RedisJobLayout& layout = context_.layout;
  const std::string text(description.substr(0, 1024));
  while (true) {
    std::string id = context_.random.BatchId();
    const auto created = context_.redis.RunScript(
        JobScripts().begin, {layout.Batch(id)}, {context_.ResultTtl(), text});
    if (!created) return created.Failure("beginning a batch of jobs");
    if (created->integer == 0) continue;
    if (auto listed = List(id, created->integer); !listed) {
      return listed.Failure("beginning a batch of jobs");
    }
    const std::lock_guard lock(mutex_);
    if (begun_.size() >= 1000) begun_.erase(begun_.begin());
    begun_.emplace(id, Begun{text, 0});
    return id;
  }
}

Result<> RedisJobSubmitter::Submit(std::span<const Job> jobs,
                                   const std::stop_token& stop) {
  for (const Job& job : jobs) {
    if (auto checked = CheckJob(job, context_.options); !checked) {
      return checked;
    }
  }
  const std::size_t most =
      std::clamp<std::size_t>(context_.options.max_waiting, 1, 256);
  while (!jobs.empty()) {
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (count < jobs.size() && count < most && bytes < kScriptBytes) {
      bytes += jobs[count++].image.size();
    }
    if (auto room = WaitForRoom(count, stop); !room) return room;
    if (auto submitted = SubmitSome(jobs.first(count)); !submitted) {
      return submitted.Failure("submitting jobs");
    }
    Acknowledge(jobs.first(count));
    jobs = jobs.subspan(count);
  }
  return {};
}

void RedisJobSubmitter::Acknowledge(std::span<const Job> jobs) {
  const std::lock_guard lock(mutex_);
  for (const Job& job : jobs) {
    const auto found = begun_.find(job.batch);
    if (found != begun_.end() && found->second.acknowledged == job.index) {
      ++found->second.acknowledged;
    }
  }
}

std::uint64_t RedisJobSubmitter::Acknowledged(const std::string& batch) {
  const std::lock_guard lock(mutex_);
  const auto found = begun_.find(batch);
  return found == begun_.end() ? 0 : found->second.acknowledged;
}

Result<> RedisJobSubmitter::WaitForRoom(std::size_t jobs,
                                        const std::stop_token& stop) {
  const RedisJobLayout& layout = context_.layout;
  const std::size_t most =
      std::max<std::size_t>(context_.options.max_waiting, 1);
  for (milliseconds pause(2);; pause = std::min(pause * 2, milliseconds(100))) {
    if (stop.stop_requested()) {
      return Fail(ErrorCode::kCancelled, "stopped while submitting jobs");
    }
    const auto now = std::chrono::steady_clock::now();
    {
      const std::lock_guard lock(mutex_);
      if (room_ >= jobs && now - room_seen_ < std::chrono::seconds(1)) {
        room_ -= jobs;
        return {};
      }
    }
    std::vector<RedisCommand> lengths;
    for (int p = 0; p < layout.partitions; ++p) {
      lengths.push_back({.arguments = {"XLEN", layout.Stream(p)}});
    }
    std::size_t there = 0;
    for (const auto& length : context_.redis.RunAll(std::move(lengths))) {
      if (!length) return length.Failure("asking how many jobs there are");
      there += static_cast<std::size_t>(CountIn(*length));
    }
    if (there + jobs <= most) {
      // Others submit too: not all the room is ours.
      const std::lock_guard lock(mutex_);
      room_ = std::min(most - there, std::max(jobs, most / 8)) - jobs;
      room_seen_ = now;
      return {};
    }
    SleepFor(pause, stop);
  }
}

Result<> RedisJobSubmitter::Restore(const std::string& batch) {
  std::string description;
  {
    const std::lock_guard lock(mutex_);
    const auto found = begun_.find(batch);
    if (found == begun_.end()) return tl::unexpected(NoBatch(batch));
    description = found->second.description;
  }
  const auto restored = context_.redis.RunScript(
      JobScripts().restore, {context_.layout.Batch(batch)},
      {context_.ResultTtl(), description});
  if (!restored) return restored.Failure();
  if (restored->integer == 0) return tl::unexpected(NoBatch(batch));
  return List(batch, restored->integer);
}

Result<> RedisJobSubmitter::List(const std::string& batch,
                                 std::int64_t created) {
  const auto listed =
      context_.redis.Run({.arguments = {"ZADD", context_.layout.Batches(),
                                        std::to_string(created), batch}});
  if (!listed) return listed.Failure();
  return {};
}

Result<> RedisJobSubmitter::Prepare(std::span<const Job> jobs) {
  const RedisJobLayout& layout = context_.layout;
  std::set<std::string> batches;
  for (const Job& job : jobs) batches.insert(job.batch);
  std::vector<RedisCommand> commands;
  for (const std::string& batch : batches) {
    const std::string key = layout.Batch(batch);
    commands.push_back({.arguments = {"HEXISTS", key, "created"}});
    commands.push_back({.arguments = {"PEXPIRE", key, context_.ResultTtl()}});
  }
  std::vector<Result<RedisReply>> replies;
  std::size_t bytes = 0;
  const auto send = [&] {
    for (auto& reply : context_.redis.RunAll(std::exchange(commands, {}))) {
      replies.push_back(std::move(reply));
    }
    bytes = 0;
  };
  for (const Job& job : jobs) {
    if (!job.reference.empty()) continue;
    const int partition = layout.PartitionOf(job.batch, job.index);
    commands.push_back(
        {.arguments = {"SET", layout.Image(partition, job.batch, job.index),
                       TextOf(job.image), "PX", context_.ImageTtl()}});
    bytes += job.image.size();
    if (bytes >= kPipelineBytes) send();
  }
  send();
  for (const auto& reply : replies) {
    if (!reply) return reply.Failure();
  }
  std::size_t at = 0;
  for (const std::string& batch : batches) {
    if (CountIn(*replies[2 * at++]) == 1) continue;
    if (auto restored = Restore(batch); !restored) return restored;
  }
  return {};
}

Result<> RedisJobSubmitter::SubmitSome(std::span<const Job> jobs) {
  const RedisJobLayout& layout = context_.layout;
  if (auto prepared = Prepare(jobs); !prepared) return prepared;

  std::map<std::pair<int, std::string>, std::vector<const Job*>> places;
  for (const Job& job : jobs) {
    places[{layout.PartitionOf(job.batch, job.index), job.batch}].push_back(
        &job);
  }
  std::vector<RedisClient::ScriptCall> calls;
  std::vector<std::vector<const Job*>> of_calls;
  for (const auto& [place, all] : places) {
    for (std::size_t from = 0; from < all.size(); from += kScriptJobs) {
      const std::size_t to = std::min(all.size(), from + kScriptJobs);
      const auto& [partition, batch] = place;
      auto& call = calls.emplace_back();
      call.script = &JobScripts().submit;
      call.keys = {layout.Stream(partition), layout.Results(partition, batch)};
      call.arguments = {context_.ResultTtl(), layout.Bell(),
                        std::to_string(partition)};
      auto& of_call = of_calls.emplace_back();
      for (std::size_t i = from; i < to; ++i) {
        call.arguments.push_back(std::to_string(all[i]->index));
        call.arguments.push_back(EncodeJob(*all[i]));
        of_call.push_back(all[i]);
      }
    }
  }
  const auto replies = context_.redis.RunScripts(std::move(calls));
  std::size_t added = 0;
  std::vector<RedisCommand> unlinks;
  Result<> outcome;
  for (std::size_t c = 0; c < replies.size(); ++c) {
    if (!replies[c]) {
      if (outcome) outcome = replies[c].Failure();
      continue;
    }
    const auto& states = replies[c]->elements;
    for (std::size_t i = 0; i < states.size() && i < of_calls[c].size(); ++i) {
      const Job& job = *of_calls[c][i];
      if (states[i].integer == 1) ++added;
      // It had its result already: nobody will need the image.
      if (states[i].integer == 2 && job.reference.empty()) {
        const int partition = layout.PartitionOf(job.batch, job.index);
        unlinks.push_back(
            {.arguments = {"UNLINK",
                           layout.Image(partition, job.batch, job.index)}});
      }
    }
  }
  context_.metrics.Submitted(added);
  if (!unlinks.empty()) {
    for (const auto& reply : context_.redis.RunAll(std::move(unlinks))) {
      if (!reply && outcome) outcome = reply.Failure();
    }
  }
  return outcome;
}

Result<> RedisJobSubmitter::Complete(const std::string& batch,
                                     std::uint64_t total) {
  if (!IsPlainName(batch)) return tl::unexpected(NoBatch(batch));
  const RedisJobLayout& layout = context_.layout;
  const std::string doing = "completing batch " + batch;
  std::vector<RedisCommand> commands = {
      {.arguments = {"HEXISTS", layout.Batch(batch), "created"}}};
  for (int p = 0; p < layout.partitions; ++p) {
    commands.push_back(
        {.arguments = {"HGET", layout.Results(p, batch), "submitted"}});
  }
  const auto replies = context_.redis.RunAll(std::move(commands));
  std::uint64_t there = 0;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (!replies[i]) return replies[i].Failure(doing);
    if (i > 0) there += CountIn(*replies[i]);
  }
  if (CountIn(*replies[0]) == 0) {
    if (auto restored = Restore(batch); !restored) return restored;
  }
  if (there < total) return tl::unexpected(LostJobs(batch, there, total));
  if (there > total) return tl::unexpected(TooManyJobs(batch, there, total));
  const auto completed = context_.redis.RunScript(
      JobScripts().complete, {layout.Batch(batch)},
      {context_.ResultTtl(), std::to_string(total), layout.News(batch)});
  if (!completed) return completed.Failure(doing);
  if (completed->integer == 0) return tl::unexpected(NoBatch(batch));
  return {};
}

}  // namespace ocelli
