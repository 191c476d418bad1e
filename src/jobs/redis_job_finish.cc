#include <map>
#include <utility>

#include "jobs/job_record.h"
#include "jobs/redis_job_taker.h"

namespace ocelli {
namespace {

// The outcomes of one call of the script: of one batch and partition.
struct Ending {
  std::vector<std::string> images;
  std::vector<std::string> ended;   // Index, result, entry of each.
  std::vector<std::string> failed;  // Which, job, reason, attempts of each.
  std::vector<std::string> again;   // Entry, delay of each.
  std::size_t jobs = 0;
  std::size_t bytes = 0;

  bool full() const { return jobs >= kScriptJobs || bytes >= kScriptBytes; }
};

void Append(std::vector<std::string>& to, std::vector<std::string> from,
            std::size_t each) {
  to.push_back(std::to_string(from.size() / each));
  for (std::string& text : from) to.push_back(std::move(text));
}

}  // namespace

Result<> RedisJobTaker::Finish(const std::string& worker,
                               std::span<const JobOutcome> outcomes) {
  const RedisJobLayout& layout = context_.layout;
  std::map<std::pair<int, std::string>, std::vector<Ending>> endings;
  for (const JobOutcome& outcome : outcomes) {
    const TakenJob& taken = *outcome.job;
    const Job& job = taken.job;
    const int partition = layout.PartitionOf(job.batch, job.index);
    const std::string prefix = std::to_string(partition) + ":";
    if (!taken.id.starts_with(prefix)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "no id of a taken job: " + taken.id.substr(0, 64));
    }
    const std::string entry = taken.id.substr(prefix.size());
    auto& of_place = endings[{partition, job.batch}];
    if (of_place.empty() || of_place.back().full()) of_place.emplace_back();
    Ending& ending = of_place.back();
    ++ending.jobs;
    if (outcome.error && MayGoBetterLater(outcome.error->code) &&
        taken.attempt < context_.options.max_attempts) {
      ending.again.push_back(entry);
      ending.again.push_back(std::to_string(
          context_.random.RetryDelay(context_.options, taken.attempt).count()));
      continue;
    }
    JobResult result;
    result.index = job.index;
    result.name = job.name;
    result.attempts = taken.attempt;
    if (outcome.error) {
      result.error = outcome.error;
      ending.failed.push_back(std::to_string(ending.ended.size() / 3 + 1));
      ending.failed.push_back(EncodeJob(job));
      ending.failed.push_back(outcome.error->message.substr(0, 4096));
      ending.failed.push_back(std::to_string(taken.attempt));
    } else {
      result.value = outcome.value;
      if (job.reference.empty()) {
        ending.images.push_back(layout.Image(partition, job.batch, job.index));
      }
    }
    std::string record = EncodeResult(result);
    ending.bytes += record.size();
    ending.ended.push_back(std::to_string(job.index));
    ending.ended.push_back(std::move(record));
    ending.ended.push_back(entry);
  }

  std::vector<RedisClient::ScriptCall> calls;
  for (auto& [place, of_place] : endings) {
    const auto& [partition, batch] = place;
    for (Ending& ending : of_place) {
      auto& call = calls.emplace_back();
      call.script = &JobScripts().finish;
      call.keys = {layout.Stream(partition), layout.Delayed(partition),
                   layout.Results(partition, batch), layout.Dead(partition)};
      for (std::string& image : ending.images) {
        call.keys.push_back(std::move(image));
      }
      call.arguments = {context_.ResultTtl(), layout.News(batch), worker,
                        context_.MaxDead()};
      Append(call.arguments, std::move(ending.ended), 3);
      Append(call.arguments, std::move(ending.failed), 4);
      Append(call.arguments, std::move(ending.again), 2);
    }
  }
  if (calls.empty()) return {};
  Result<> outcome;
  for (const auto& reply : context_.redis.RunScripts(std::move(calls))) {
    if (!reply) {
      if (outcome) outcome = reply.Failure("keeping the results of jobs");
      continue;
    }
    if (reply->elements.size() != 3) return StrangeReply("keeping results");
    const auto kept = static_cast<std::size_t>(CountIn(reply->elements[0]));
    const auto failed = static_cast<std::size_t>(CountIn(reply->elements[1]));
    context_.metrics.Done(kept - std::min(kept, failed));
    context_.metrics.Failed(failed);
    context_.metrics.Retried(
        static_cast<std::size_t>(CountIn(reply->elements[2])));
  }
  return outcome;
}

}  // namespace ocelli
