#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "jobs/job_policy.h"
#include "jobs/job_queue.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

enum class State { kWaiting, kTaken, kDelayed, kDone };

struct Entry {
  Job job;
  State state = State::kWaiting;
  int attempts = 0;         // Begun.
  std::uint64_t token = 0;  // Of who has it: another one at every Take().
  std::string worker;
  SteadyTime heard;  // Of its worker.
  std::optional<JobResult> result;
};

struct KnownBatch {
  std::string description;
  std::chrono::system_clock::time_point created;
  std::uint64_t order = 0;
  std::optional<std::uint64_t> total;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::map<std::uint64_t, Entry> entries;

  bool finished() const { return total && done == *total; }
};

using Place = std::pair<std::string, std::uint64_t>;  // Batch and index.

std::string TokenId(std::uint64_t token) { return std::to_string(token); }

class MemoryJobQueue final : public JobQueue {
 public:
  MemoryJobQueue(const JobQueueOptions& options, const Clock& clock,
                 MetricsRegistry* metrics)
      : options_(options),
        clock_(clock),
        metrics_(metrics, options.group),
        random_(options.seed) {}

  Result<std::string> Begin(std::string_view description) override {
    const std::lock_guard lock(mutex_);
    ForgetOld();
    std::string id = random_.BatchId();
    while (batches_.contains(id)) id = random_.BatchId();
    KnownBatch& batch = batches_[id];
    batch.description = description;
    batch.created = clock_.WallTime();
    batch.order = ++orders_;
    return id;
  }

  Result<> Submit(std::span<const Job> jobs,
                  const std::stop_token& stop) override {
    for (const Job& job : jobs) {
      if (auto checked = CheckJob(job, options_); !checked) return checked;
    }
    std::unique_lock lock(mutex_);
    for (const Job& job : jobs) {
      changed_.wait(lock, stop, [&] {
        return waiting_.size() + delayed_.size() + taken_.size() <
               options_.max_waiting;
      });
      if (stop.stop_requested()) {
        return Fail(ErrorCode::kCancelled, "stopped while submitting jobs");
      }
      const auto batch = batches_.find(job.batch);
      if (batch == batches_.end()) return tl::unexpected(NoBatch(job.batch));
      const auto [entry, added] = batch->second.entries.try_emplace(job.index);
      if (!added) continue;
      entry->second.job = job;
      waiting_.emplace_back(job.batch, job.index);
      metrics_.Submitted(1);
      Changed();
    }
    return {};
  }

  Result<> Complete(const std::string& batch, std::uint64_t total) override {
    const std::lock_guard lock(mutex_);
    const auto found = batches_.find(batch);
    if (found == batches_.end()) return tl::unexpected(NoBatch(batch));
    const std::uint64_t there = found->second.entries.size();
    if (there < total) return tl::unexpected(LostJobs(batch, there, total));
    if (there > total) return tl::unexpected(TooManyJobs(batch, there, total));
    found->second.total = total;
    Changed();
    return {};
  }

  Result<std::uint64_t> Await(const std::string& batch, std::uint64_t from,
                              const std::function<Result<>(JobResult)>& use,
                              const std::stop_token& stop) override {
    std::unique_lock lock(mutex_);
    for (std::uint64_t next = from;; ++next) {
      const KnownBatch* known = nullptr;
      const Entry* entry = nullptr;
      changed_.wait(lock, stop, [&] {
        const auto found = batches_.find(batch);
        known = found == batches_.end() ? nullptr : &found->second;
        if (known == nullptr) return true;
        const auto at = known->entries.find(next);
        entry = at == known->entries.end() ? nullptr : &at->second;
        return (entry != nullptr && entry->result) ||
               (known->total && entry == nullptr);
      });
      if (stop.stop_requested()) return next;
      if (known == nullptr) return tl::unexpected(NoBatch(batch));
      if (entry == nullptr) {
        if (next >= *known->total) return next;
        return tl::unexpected(LostJob(batch, next));
      }
      JobResult result = *entry->result;
      lock.unlock();
      if (auto used = use(std::move(result)); !used) return used.Failure();
      lock.lock();
    }
  }

  Result<std::vector<TakenJob>> Take(const std::string& worker, std::size_t max,
                                     milliseconds wait,
                                     const std::stop_token& stop) override {
    if (auto checked = CheckWorker(worker); !checked) return checked.Failure();
    const SteadyTime end = std::chrono::steady_clock::now() + wait;
    std::unique_lock lock(mutex_);
    workers_.insert(worker);
    while (true) {
      std::vector<TakenJob> taken = TakeNow(worker, max);
      const SteadyTime now = std::chrono::steady_clock::now();
      if (!taken.empty() || max == 0 || now >= end || stop.stop_requested()) {
        return taken;
      }
      const std::uint64_t seen = changes_;
      changed_.wait_for(lock, stop,
                        std::min<SteadyTime::duration>(end - now, UntilDue()),
                        [&] { return changes_ != seen; });
    }
  }

  std::vector<Result<std::vector<std::byte>>> Images(
      std::span<const TakenJob* const> jobs) override {
    std::vector<Result<std::vector<std::byte>>> images;
    images.reserve(jobs.size());
    const std::lock_guard lock(mutex_);
    for (const TakenJob* taken : jobs) {
      const Entry* entry = Find({taken->job.batch, taken->job.index});
      if (entry == nullptr || entry->job.image.empty()) {
        images.emplace_back(tl::unexpected(NoImage(taken->job)));
      } else {
        images.emplace_back(entry->job.image);
      }
    }
    return images;
  }

  Result<> Renew(const std::string& worker,
                 std::span<const TakenJob* const> jobs) override {
    const std::lock_guard lock(mutex_);
    for (const TakenJob* taken : jobs) {
      Entry* entry = Find({taken->job.batch, taken->job.index});
      if (Holds(entry, worker, *taken)) entry->heard = clock_.MonotonicTime();
    }
    return {};
  }

  Result<> Finish(const std::string& worker,
                  std::span<const JobOutcome> outcomes) override {
    const std::lock_guard lock(mutex_);
    for (const JobOutcome& outcome : outcomes) {
      const TakenJob& taken = *outcome.job;
      const Place place = {taken.job.batch, taken.job.index};
      Entry* entry = Find(place);
      if (entry == nullptr || entry->state == State::kDone) continue;
      if (outcome.error && MayGoBetterLater(outcome.error->code) &&
          taken.attempt < options_.max_attempts) {
        // Whoever took it over goes on.
        if (!Holds(entry, worker, taken)) continue;
        Release(*entry, place, State::kDelayed);
        delayed_.emplace(clock_.MonotonicTime() +
                             random_.RetryDelay(options_, taken.attempt),
                         place);
        metrics_.Retried(1);
        continue;
      }
      End(*entry, place, outcome.value, outcome.error, taken.attempt);
    }
    Changed();
    return {};
  }

  Result<> Return(const std::string& worker,
                  std::span<const TakenJob* const> jobs) override {
    const std::lock_guard lock(mutex_);
    for (const TakenJob* taken : jobs) {
      const Place place = {taken->job.batch, taken->job.index};
      Entry* entry = Find(place);
      if (!Holds(entry, worker, *taken)) continue;
      Release(*entry, place, State::kWaiting);
      --entry->attempts;
      waiting_.push_back(place);
    }
    if (std::none_of(taken_.begin(), taken_.end(), [&](const Place& place) {
          return Find(place)->worker == worker;
        })) {
      workers_.erase(worker);
    }
    Changed();
    return {};
  }

  Result<QueueStatus> Status() override {
    const std::lock_guard lock(mutex_);
    return Counted();
  }

  Result<std::vector<BatchStatus>> Batches() override {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::uint64_t, std::string>> newest;
    for (const auto& [id, batch] : batches_) {
      newest.emplace_back(batch.order, id);
    }
    std::sort(newest.rbegin(), newest.rend());
    if (newest.size() > 1000) newest.resize(1000);
    std::vector<BatchStatus> all;
    for (const auto& [order, id] : newest) {
      all.push_back(StatusOf(id, batches_.at(id)));
    }
    return all;
  }

  Result<BatchStatus> Batch(const std::string& batch) override {
    const std::lock_guard lock(mutex_);
    const auto found = batches_.find(batch);
    if (found == batches_.end()) return tl::unexpected(NoBatch(batch));
    return StatusOf(batch, found->second);
  }

  Result<std::uint64_t> Retry(const std::string& batch) override {
    const std::lock_guard lock(mutex_);
    const auto found = batches_.find(batch);
    if (found == batches_.end()) return tl::unexpected(NoBatch(batch));
    std::uint64_t again = 0;
    std::erase_if(dead_, [&](const DeadJob& dead) {
      if (dead.job.batch != batch) return false;
      Entry& entry = found->second.entries.at(dead.job.index);
      entry.state = State::kWaiting;
      entry.attempts = 0;
      entry.result.reset();
      waiting_.emplace_back(batch, dead.job.index);
      --found->second.done;
      --found->second.failed;
      ++again;
      return true;
    });
    Changed();
    return again;
  }

  Result<std::vector<DeadJob>> Dead(std::size_t max) override {
    const std::lock_guard lock(mutex_);
    std::vector<DeadJob> newest;
    for (auto dead = dead_.rbegin();
         dead != dead_.rend() && newest.size() < max; ++dead) {
      newest.push_back(*dead);
    }
    return newest;
  }

  Result<std::uint64_t> Purge(const std::string& batch) override {
    const std::lock_guard lock(mutex_);
    std::uint64_t purged = 0;
    if (batch.empty()) {
      dead_.clear();
      purged = std::erase_if(
          batches_, [](const auto& each) { return each.second.finished(); });
    } else {
      if (batches_.erase(batch) == 0) return tl::unexpected(NoBatch(batch));
      Forget(batch);
      purged = 1;
    }
    Changed();
    return purged;
  }

  const JobQueueOptions& options() const override { return options_; }

 private:
  // All below with mutex_ held.

  Entry* Find(const Place& place) {
    const auto batch = batches_.find(place.first);
    if (batch == batches_.end()) return nullptr;
    const auto entry = batch->second.entries.find(place.second);
    return entry == batch->second.entries.end() ? nullptr : &entry->second;
  }

  static bool Holds(const Entry* entry, const std::string& worker,
                    const TakenJob& taken) {
    return entry != nullptr && entry->state == State::kTaken &&
           entry->worker == worker && TokenId(entry->token) == taken.id;
  }

  void Release(Entry& entry, const Place& place, State state) {
    if (entry.state == State::kTaken) taken_.erase(place);
    if (entry.state == State::kWaiting) std::erase(waiting_, place);
    if (entry.state == State::kDelayed) {
      std::erase_if(delayed_,
                    [&](const auto& each) { return each.second == place; });
    }
    entry.state = state;
  }

  void End(Entry& entry, const Place& place, const std::string& value,
           const std::optional<Error>& error, int attempts) {
    Release(entry, place, State::kDone);
    KnownBatch& batch = batches_.at(place.first);
    ++batch.done;
    entry.result = {.index = place.second,
                    .name = entry.job.name,
                    .value = error ? std::string() : value,
                    .error = error,
                    .attempts = attempts};
    if (!error) {
      entry.job.image = {};
      metrics_.Done(1);
      return;
    }
    ++batch.failed;
    metrics_.Failed(1);
    // The image stays with the entry, for Retry().
    DeadJob dead = {std::to_string(++dead_ids_), {}, attempts, error->message};
    dead.job.batch = entry.job.batch;
    dead.job.index = entry.job.index;
    dead.job.name = entry.job.name;
    dead.job.reference = entry.job.reference;
    dead.job.digest = entry.job.digest;
    dead_.push_back(std::move(dead));
    if (dead_.size() > options_.max_dead) dead_.pop_front();
  }

  std::vector<TakenJob> TakeNow(const std::string& worker, std::size_t max) {
    const SteadyTime now = clock_.MonotonicTime();
    while (!delayed_.empty() && delayed_.begin()->first <= now) {
      const Place place = delayed_.begin()->second;
      delayed_.erase(delayed_.begin());
      Find(place)->state = State::kWaiting;
      waiting_.push_front(place);
    }
    const std::set<Place> held = taken_;
    for (const Place& place : held) {
      Entry& entry = *Find(place);
      if (now - entry.heard < options_.takeover) continue;
      if (entry.attempts >= options_.max_attempts) {
        End(entry, place, {}, WorkerDied(entry.attempts), entry.attempts);
        Changed();
        continue;
      }
      Release(entry, place, State::kWaiting);
      waiting_.push_front(place);
      metrics_.TakenOver(1);
    }
    std::vector<TakenJob> jobs;
    while (jobs.size() < max && !waiting_.empty()) {
      const Place place = waiting_.front();
      waiting_.pop_front();
      Entry& entry = *Find(place);
      entry.state = State::kTaken;
      entry.token = ++tokens_;
      entry.worker = worker;
      entry.heard = now;
      ++entry.attempts;
      taken_.insert(place);
      TakenJob& job = jobs.emplace_back();
      job.id = TokenId(entry.token);
      job.attempt = entry.attempts;
      job.job.batch = entry.job.batch;
      job.job.index = entry.job.index;
      job.job.name = entry.job.name;
      job.job.reference = entry.job.reference;
      job.job.digest = entry.job.digest;
    }
    if (!jobs.empty()) Changed();
    return jobs;
  }

  // Until Take() may find something that nobody announces.
  std::chrono::nanoseconds UntilDue() const {
    const SteadyTime now = clock_.MonotonicTime();
    std::chrono::nanoseconds until = milliseconds(250);
    if (!delayed_.empty())
      until = std::min(until, delayed_.begin()->first - now);
    if (!taken_.empty()) {
      until = std::min<std::chrono::nanoseconds>(until, options_.takeover / 4);
    }
    return std::max<std::chrono::nanoseconds>(until, milliseconds(1));
  }

  void Forget(const std::string& batch) {
    std::erase_if(waiting_, [&](const Place& p) { return p.first == batch; });
    std::erase_if(delayed_,
                  [&](const auto& each) { return each.second.first == batch; });
    std::erase_if(taken_, [&](const Place& p) { return p.first == batch; });
    std::erase_if(dead_,
                  [&](const DeadJob& dead) { return dead.job.batch == batch; });
  }

  void ForgetOld() {
    const auto oldest = clock_.WallTime() - options_.result_ttl;
    std::erase_if(batches_, [&](const auto& each) {
      if (each.second.created > oldest) return false;
      Forget(each.first);
      return true;
    });
  }

  QueueStatus Counted() const {
    return {.group = options_.group,
            .waiting = waiting_.size(),
            .taken = taken_.size(),
            .delayed = delayed_.size(),
            .dead = dead_.size(),
            .workers = {workers_.begin(), workers_.end()}};
  }

  BatchStatus StatusOf(const std::string& id, const KnownBatch& batch) const {
    return {.batch = id,
            .group = options_.group,
            .submitted = batch.entries.size(),
            .complete = batch.total.has_value(),
            .done = batch.done,
            .failed = batch.failed,
            .created = batch.created,
            .description = batch.description};
  }

  void Changed() {
    ++changes_;
    if (metrics_.wanted()) metrics_.Show(Counted());
    changed_.notify_all();
  }

  const JobQueueOptions options_;
  const Clock& clock_;
  JobMetrics metrics_;
  JobRandom random_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_. Every place in the lists has its entry in its batch.
  std::uint64_t changes_ = 0;
  std::uint64_t orders_ = 0;
  std::uint64_t tokens_ = 0;
  std::uint64_t dead_ids_ = 0;
  std::map<std::string, KnownBatch> batches_;
  std::deque<Place> waiting_;
  std::multimap<SteadyTime, Place> delayed_;
  std::set<Place> taken_;
  std::deque<DeadJob> dead_;
  std::set<std::string> workers_;
};

}  // namespace

std::unique_ptr<JobQueue> MakeMemoryJobQueue(const JobQueueOptions& options,
                                             const Clock& clock,
                                             MetricsRegistry* metrics) {
  return std::make_unique<MemoryJobQueue>(options, clock, metrics);
}

}  // namespace ocelli
