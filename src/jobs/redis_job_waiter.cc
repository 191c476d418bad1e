#include "jobs/redis_job_waiter.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "core/parse_number.h"
#include "jobs/job_record.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

// Results are fetched so far ahead of the next one, while these are small.
constexpr std::uint64_t kAhead = 64;
constexpr std::size_t kAheadBytes = 16 << 20;
constexpr milliseconds kFirstPoll{250};
constexpr milliseconds kLastPoll{1000};

// What was said on the batch's channel. Thread-safe.
class BatchNews {
 public:
  // Indexes before `from` and from `end` on don't matter.
  void SetRange(std::uint64_t from, std::uint64_t end) {
    const std::lock_guard lock(mutex_);
    from_ = from;
    end_ = end;
    done_.erase(done_.begin(), done_.lower_bound(from));
  }

  void Hear(std::string_view message) {
    const std::lock_guard lock(mutex_);
    // "complete", "purged", or nothing: something was missed.
    if (message.empty() ||
        !ParseNumber<std::uint64_t>(message.substr(0, message.find(',')))) {
      anything_ = true;
    } else {
      while (!message.empty()) {
        const auto comma = std::min(message.find(','), message.size());
        const auto index = ParseNumber<std::uint64_t>(message.substr(0, comma));
        if (index && *index >= from_ && *index < end_) done_.insert(*index);
        message.remove_prefix(std::min(comma + 1, message.size()));
      }
    }
    changed_.notify_all();
  }

  struct Heard {
    std::set<std::uint64_t> done;
    bool anything = false;  // May have happened.
    bool too_long = false;  // Nothing was heard.
  };
  Heard Wait(milliseconds limit, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const bool heard = changed_.wait_for(
        lock, stop, limit, [&] { return anything_ || !done_.empty(); });
    return {std::exchange(done_, {}), std::exchange(anything_, false), !heard};
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::uint64_t from_ = 0;
  std::uint64_t end_ = 0;
  std::set<std::uint64_t> done_;
  bool anything_ = false;
};

class ResultWindow {
 public:
  ResultWindow(RedisJobContext& context, RedisJobSubmitter& submitter,
               const std::string& batch, std::uint64_t from)
      : context_(context),
        submitter_(submitter),
        batch_(batch),
        next_(from),
        looked_(from) {}

  std::uint64_t next() const { return next_; }
  // What comes after the last result that may be fetched now.
  std::uint64_t end() const {
    return std::min(next_ + Ahead(), total_.value_or(UINT64_MAX));
  }
  bool complete() const { return total_ && next_ >= *total_; }

  // The next result, where it was fetched.
  std::optional<JobResult> Pop() {
    const auto found = ready_.find(next_);
    if (found == ready_.end()) return {};
    std::optional<JobResult> result = std::move(found->second);
    ready_.erase(found);
    ++next_;
    return result;
  }

  // How the batch is. kNotFound.
  Result<> LookAtBatch() {
    const auto reply = context_.redis.Run(
        {.arguments = {"HMGET", context_.layout.Batch(batch_), "created",
                       "total"}});
    if (!reply) return reply.Failure();
    if (reply->elements.size() != 2) return StrangeReply("HMGET");
    if (reply->elements[0].nil()) return submitter_.Restore(batch_);
    if (!reply->elements[1].nil()) {
      total_ = ParseNumber<std::uint64_t>(reply->elements[1].text);
    }
    return {};
  }

  // Fetches what is there: of `done`, of what was not looked at yet, or of all
  // within the window.
  Result<> Fetch(const std::set<std::uint64_t>& done, bool all) {
    const std::uint64_t last = end();
    std::map<int, std::vector<std::uint64_t>> wanted;
    const auto want = [&](std::uint64_t index) {
      if (index < next_ || index >= last || ready_.contains(index)) return;
      wanted[context_.layout.PartitionOf(batch_, index)].push_back(index);
    };
    if (all) looked_ = next_;
    for (const std::uint64_t index : done) {
      if (index < looked_) want(index);
    }
    // Many at a time.
    if (looked_ <= next_ || last >= looked_ + Ahead() / 2) {
      for (auto index = std::max(looked_, next_); index < last; ++index) {
        want(index);
      }
      looked_ = std::max(looked_, last);
    }
    if (wanted.empty()) return {};
    // Asked before Redis is.
    there_ = total_ ? *total_ : submitter_.Acknowledged(batch_);

    std::vector<RedisCommand> commands;
    for (const auto& [partition, indexes] : wanted) {
      auto& arguments = commands.emplace_back().arguments;
      arguments = {"HMGET", context_.layout.Results(partition, batch_)};
      for (const auto index : indexes) {
        arguments.push_back(std::to_string(index));
      }
    }
    auto replies = context_.redis.RunAll(std::move(commands));
    std::size_t at = 0;
    for (const auto& [partition, indexes] : wanted) {
      auto& reply = replies[at++];
      if (!reply) return reply.Failure();
      if (reply->elements.size() != indexes.size()) {
        return StrangeReply("HMGET");
      }
      for (std::size_t i = 0; i < indexes.size(); ++i) {
        if (auto kept = Keep(indexes[i], reply->elements[i]); !kept) {
          return kept;
        }
      }
    }
    return {};
  }

 private:
  std::uint64_t Ahead() const {
    return std::clamp<std::uint64_t>(kAheadBytes / largest_, 1, kAhead);
  }

  Result<> Keep(std::uint64_t index, const RedisReply& reply) {
    if (reply.nil()) {
      if (index == next_ && index < there_) {
        if (auto batch = LookAtBatch(); !batch) return batch;
        return tl::unexpected(LostJob(batch_, index));
      }
      return {};
    }
    if (reply.text == "?") return {};
    if (std::exchange(guessed_, false)) largest_ = 1;
    largest_ = std::max(largest_, reply.text.size());
    auto decoded = DecodeResult(reply.text);
    JobResult result;
    if (decoded) {
      result = std::move(*decoded);
    } else {
      result.error = {ErrorCode::kDataLoss, "what Redis keeps as result " +
                                                std::to_string(index) +
                                                " of batch " + batch_ + " is " +
                                                decoded.error().message};
    }
    result.index = index;
    ready_.emplace(index, std::move(result));
    return {};
  }

  RedisJobContext& context_;
  RedisJobSubmitter& submitter_;
  const std::string batch_;
  std::uint64_t next_;
  std::uint64_t looked_;  // News tells of changes before this one.
  std::optional<std::uint64_t> total_;
  std::uint64_t there_ = 0;  // Jobs before this one were submitted.
  // Of the results so far, in bytes; at first a guess, to see some.
  std::size_t largest_ = 1 << 20;
  bool guessed_ = true;
  std::map<std::uint64_t, JobResult> ready_;
};

}  // namespace

Result<std::uint64_t> AwaitRedisResults(
    RedisJobContext& context, RedisJobSubmitter& submitter,
    const std::string& batch, std::uint64_t from,
    const std::function<Result<>(JobResult)>& use,
    const std::stop_token& stop) {
  if (!IsPlainName(batch)) return tl::unexpected(NoBatch(batch));
  const std::string doing = "waiting for batch " + batch;
  BatchNews news;
  ResultWindow window(context, submitter, batch, from);
  if (auto looked = window.LookAtBatch(); !looked) return looked.Failure();
  news.SetRange(from, window.end());
  const auto subscription = context.redis.Subscribe(
      context.layout.News(batch),
      [&](const std::string& message) { news.Hear(message); });
  BatchNews::Heard heard = {{}, true, false};
  milliseconds poll = kFirstPoll;
  while (true) {
    if (stop.stop_requested()) return window.next();
    const bool all = heard.anything || heard.too_long;
    Result<> fetched;
    if (all) fetched = window.LookAtBatch();
    news.SetRange(window.next(), window.end());
    if (fetched) fetched = window.Fetch(heard.done, all);
    if (!fetched) {
      const ErrorCode code = fetched.error().code;
      return fetched.Failure(
          code == ErrorCode::kDataLoss || code == ErrorCode::kNotFound ? ""
                                                                       : doing);
    }
    const std::uint64_t before = window.next();
    while (auto result = window.Pop()) {
      if (auto used = use(std::move(*result)); !used) return used.Failure();
      if (stop.stop_requested()) return window.next();
    }
    if (window.complete()) return window.next();
    if (window.next() > before) {
      // The window moved: there may be more in it already.
      poll = kFirstPoll;
      heard = news.Wait(milliseconds(0), stop);
      heard.too_long = false;
    } else {
      heard = news.Wait(poll, stop);
      poll = heard.too_long ? std::min(poll * 2, kLastPoll) : kFirstPoll;
    }
  }
}

}  // namespace ocelli
