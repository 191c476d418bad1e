#include "jobs/redis_job_taker.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/parse_number.h"
#include "jobs/job_record.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPoll{250};
constexpr milliseconds kLastPoll{1000};
constexpr std::chrono::minutes kForgetEvery{1};
constexpr std::chrono::hours kForgetAfter{1};

struct Place {
  int partition = 0;
  std::string entry;
};

// Of "3:1764093600000-0".
std::optional<Place> PlaceOf(const std::string& id, int partitions) {
  const auto colon = id.find(':');
  if (colon == id.npos) return {};
  const auto partition =
      ParseNumber<std::uint64_t>(std::string_view(id).substr(0, colon));
  if (!partition || *partition >= static_cast<std::uint64_t>(partitions)) {
    return {};
  }
  return Place{static_cast<int>(*partition), id.substr(colon + 1)};
}

auto BadId(const TakenJob& job) {
  return Fail(ErrorCode::kInvalidArgument,
              "no id of a taken job: " + job.id.substr(0, 64));
}

std::string FieldOf(const RedisReply& fields, std::string_view name) {
  for (std::size_t i = 0; i + 1 < fields.elements.size(); i += 2) {
    if (fields.elements[i].text == name) return fields.elements[i + 1].text;
  }
  return {};
}

std::vector<std::byte> BytesOf(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

bool SaysWhatToDo(ErrorCode code) { return !MayGoBetterLater(code); }

}  // namespace

RedisJobTaker::RedisJobTaker(RedisJobContext& context)
    : context_(context),
      searches_(static_cast<std::size_t>(context.layout.partitions)) {}

void RedisJobTaker::Listen() {
  std::call_once(listening_, [&] {
    subscription_ = context_.redis.Subscribe(
        context_.layout.Bell(), [this](const std::string& partition) {
          const std::lock_guard lock(mutex_);
          ++rings_;
          const auto first = ParseNumber<std::uint64_t>(partition);
          if (first && *first < searches_.size()) {
            first_ = static_cast<int>(*first);
          }
          rung_.notify_all();
        });
  });
}

Result<std::vector<TakenJob>> RedisJobTaker::Take(const std::string& worker,
                                                  std::size_t max,
                                                  milliseconds wait,
                                                  const std::stop_token& stop) {
  if (auto checked = CheckWorker(worker); !checked) return checked.Failure();
  if (max == 0) return std::vector<TakenJob>();
  if (wait.count() > 0) Listen();
  const SteadyTime end = std::chrono::steady_clock::now() + wait;
  for (milliseconds poll = kFirstPoll;; poll = std::min(poll * 2, kLastPoll)) {
    std::uint64_t heard = 0;
    {
      const std::lock_guard lock(mutex_);
      heard = rings_;
    }
    Round round = TakeNow(worker, max);
    if (!round.jobs.empty()) return std::move(round.jobs);
    const SteadyTime now = std::chrono::steady_clock::now();
    if (round.error && (now >= end || stop.stop_requested() ||
                        SaysWhatToDo(round.error->code))) {
      return Fail(round.error->code,
                  "taking jobs: " + std::move(round.error->message));
    }
    if (now >= end || stop.stop_requested()) return std::vector<TakenJob>();
    const SteadyTime again =
        std::min(end, now + std::min({poll, round.next_due + milliseconds(1),
                                      std::max(context_.options.takeover / 4,
                                               milliseconds(1))}));
    std::unique_lock lock(mutex_);
    rung_.wait_until(lock, stop, again, [&] { return rings_ != heard; });
    if (rings_ != heard) poll = kFirstPoll / 2;
  }
}

RedisJobTaker::Round RedisJobTaker::TakeNow(const std::string& worker,
                                            std::size_t max) {
  Round round;
  std::vector<int> partitions;
  {
    const std::lock_guard lock(mutex_);
    const int count = context_.layout.partitions;
    for (int i = 0; i < count; ++i) {
      partitions.push_back((first_ + i) % count);
    }
    first_ = (first_ + 1) % count;
  }
  // As many at once as there is room for a job of each.
  while (!partitions.empty() && round.jobs.size() < max) {
    const std::size_t room = max - round.jobs.size();
    const std::size_t asked = std::min(room, partitions.size());
    const std::size_t count = std::min(room / asked, kScriptJobs);
    std::vector<RedisClient::ScriptCall> calls;
    for (std::size_t i = 0; i < asked; ++i) {
      calls.push_back(TakeCall(worker, partitions[i], count));
    }
    const auto replies = context_.redis.RunScripts(std::move(calls));
    std::vector<int> left;
    for (std::size_t i = 0; i < asked; ++i) {
      if (!replies[i]) {
        round.error = replies[i].error();
      } else if (Unpack(worker, partitions[i], *replies[i], round) == count) {
        left.push_back(partitions[i]);
      }
    }
    partitions.erase(partitions.begin(),
                     partitions.begin() + static_cast<std::ptrdiff_t>(asked));
    partitions.insert(partitions.end(), left.begin(), left.end());
  }
  return round;
}

RedisClient::ScriptCall RedisJobTaker::TakeCall(const std::string& worker,
                                                int partition,
                                                std::size_t count) {
  const RedisJobLayout& layout = context_.layout;
  const SteadyTime now = std::chrono::steady_clock::now();
  std::string takeover = "-1";
  std::string forget = "-1";
  std::string cursor;
  {
    const std::lock_guard lock(mutex_);
    Search& search = searches_[static_cast<std::size_t>(partition)];
    cursor = search.cursor;
    if (now >= search.next) {
      takeover = std::to_string(context_.options.takeover.count());
      search.next = now + context_.options.takeover / 4;
    }
    if (now >= search.forget) {
      forget = std::to_string(milliseconds(kForgetAfter).count());
      search.forget = now + kForgetEvery;
    }
  }
  return {
      .script = &JobScripts().take,
      .keys = {layout.Stream(partition), layout.Delayed(partition)},
      .arguments = {worker, std::to_string(count), takeover, cursor, forget},
      .effect = RedisEffect::kRepeatable};
}

std::size_t RedisJobTaker::Unpack(const std::string& worker, int partition,
                                  const RedisReply& reply, Round& round) {
  if (reply.elements.size() != 3) {
    round.error = StrangeReply("taking jobs").value();
    return 0;
  }
  if (reply.elements[0].integer >= 0) {
    round.next_due =
        std::min(round.next_due, milliseconds(reply.elements[0].integer));
  }
  const auto& entries = reply.elements[2].elements;
  {
    const std::lock_guard lock(mutex_);
    Search& search = searches_[static_cast<std::size_t>(partition)];
    search.cursor = reply.elements[1].text;
    // There may be more of them.
    if (search.cursor != "-") search.next = {};
  }
  std::vector<TakenJob> poison;
  for (const RedisReply& entry : entries) {
    if (entry.elements.size() != 4) continue;
    const std::string& id = entry.elements[0].text;
    const std::string record = FieldOf(entry.elements[1], "job");
    auto job = DecodeJob(record);
    if (!job) {
      Reject(partition, id, job.error().message, record);
      continue;
    }
    TakenJob taken;
    taken.job = std::move(*job);
    taken.id = std::to_string(partition) + ":" + id;
    taken.attempt = static_cast<int>(
        std::clamp<std::int64_t>(entry.elements[2].integer, 1, 1'000'000));
    if (entry.elements[3].integer == 2) context_.metrics.TakenOver(1);
    if (taken.attempt > context_.options.max_attempts) {
      --taken.attempt;
      poison.push_back(std::move(taken));
    } else {
      round.jobs.push_back(std::move(taken));
    }
  }
  if (!poison.empty()) {
    std::vector<JobOutcome> outcomes;
    for (const TakenJob& job : poison) {
      outcomes.push_back(
          {.job = &job, .value = {}, .error = WorkerDied(job.attempt)});
    }
    if (auto ended = Finish(worker, outcomes); !ended) {
      round.error = ended.error();
    }
  }
  return entries.size();
}

void RedisJobTaker::Reject(int partition, const std::string& entry,
                           const std::string& reason, const std::string& what) {
  const RedisJobLayout& layout = context_.layout;
  // Where that fails, whoever takes it over does it.
  (void)context_.redis
      .RunScript(JobScripts().reject,
                 {layout.Stream(partition), layout.Delayed(partition),
                  layout.Dead(partition)},
                 {context_.MaxDead(), entry, reason, what.substr(0, 1024)})
      .has_value();
}

std::vector<Result<std::vector<std::byte>>> RedisJobTaker::Images(
    std::span<const TakenJob* const> jobs) {
  std::vector<RedisCommand> commands;
  for (const TakenJob* taken : jobs) {
    const Job& job = taken->job;
    if (!job.reference.empty()) continue;
    const int partition = context_.layout.PartitionOf(job.batch, job.index);
    commands.push_back(
        {.arguments = {
             "GET", context_.layout.Image(partition, job.batch, job.index)}});
  }
  std::vector<Result<RedisReply>> replies;
  if (!commands.empty()) replies = context_.redis.RunAll(std::move(commands));
  std::vector<Result<std::vector<std::byte>>> images;
  std::size_t at = 0;
  for (const TakenJob* taken : jobs) {
    if (!taken->job.reference.empty()) {
      images.emplace_back(tl::unexpected(NoImage(taken->job)));
      continue;
    }
    const auto& reply = replies[at++];
    if (!reply) {
      images.emplace_back(
          reply.Failure("fetching the image of " + taken->job.name));
    } else if (reply->nil()) {
      images.emplace_back(tl::unexpected(NoImage(taken->job)));
    } else {
      images.emplace_back(BytesOf(reply->text));
    }
  }
  return images;
}

Result<> RedisJobTaker::Renew(const std::string& worker,
                              std::span<const TakenJob* const> jobs) {
  std::map<int, std::vector<std::string>> entries;
  for (const TakenJob* job : jobs) {
    auto place = PlaceOf(job->id, context_.layout.partitions);
    if (!place) return BadId(*job);
    entries[place->partition].push_back(std::move(place->entry));
  }
  std::vector<RedisClient::ScriptCall> calls;
  for (const auto& [partition, ids] : entries) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i % kScriptJobs == 0) {
        auto& call = calls.emplace_back();
        call.script = &JobScripts().renew;
        call.keys = {context_.layout.Stream(partition)};
        call.arguments = {worker};
      }
      calls.back().arguments.push_back(ids[i]);
    }
  }
  if (calls.empty()) return {};
  for (const auto& reply : context_.redis.RunScripts(std::move(calls))) {
    if (!reply) return reply.Failure("renewing jobs");
  }
  return {};
}

Result<> RedisJobTaker::Return(const std::string& worker,
                               std::span<const TakenJob* const> jobs) {
  if (auto checked = CheckWorker(worker); !checked) return checked;
  const RedisJobLayout& layout = context_.layout;
  std::vector<RedisClient::ScriptCall> calls;
  for (int p = 0; p < layout.partitions; ++p) {
    auto& call = calls.emplace_back();
    call.script = &JobScripts().hand_back;
    call.keys = {layout.Stream(p), layout.Delayed(p)};
    call.arguments = {worker, layout.Bell(), std::to_string(p)};
  }
  for (const TakenJob* job : jobs) {
    auto place = PlaceOf(job->id, layout.partitions);
    if (!place) return BadId(*job);
    auto& arguments =
        calls[static_cast<std::size_t>(place->partition)].arguments;
    arguments.push_back(std::move(place->entry));
    arguments.push_back(std::to_string(std::max(job->attempt - 1, 0)));
  }
  for (const auto& reply : context_.redis.RunScripts(std::move(calls))) {
    if (!reply) return reply.Failure("handing jobs back");
  }
  return {};
}

}  // namespace ocelli
