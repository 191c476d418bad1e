#include "recognize/job_worker.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "core/log.h"
#include "core/sleep.h"
#include "recognize/queue_outage.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

double SecondsSince(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

// That time may cure what the queue says.
bool MayPass(const Error& error) {
  return error.code == ErrorCode::kUnavailable ||
         error.code == ErrorCode::kDeadlineExceeded ||
         error.code == ErrorCode::kResourceExhausted ||
         error.code == ErrorCode::kPermissionDenied ||
         error.code == ErrorCode::kCancelled;
}

// A limit of ours, which the image will not meet later either; as an error of
// the queue it would be tried again.
Error OfTheImage(Error error) {
  if (error.code == ErrorCode::kResourceExhausted) {
    error.code = ErrorCode::kInvalidArgument;
  }
  return error;
}

std::vector<const TakenJob*> PointersTo(std::span<const TakenJob> jobs) {
  std::vector<const TakenJob*> pointers;
  for (const TakenJob& job : jobs) pointers.push_back(&job);
  return pointers;
}

struct Held {
  TakenJob job;
  std::string value;
  std::optional<Error> error;
  bool cached = false;
  double seconds = 0;
};

}  // namespace

class JobWorker::Shift {
 public:
  Shift(JobQueue& queue, JobWork work, JobWorkerOptions options,
        MetricsRegistry* metrics, std::function<void(const WorkedJob&)> worked)
      : queue_(queue),
        work_(std::move(work)),
        options_(std::move(options)),
        worked_(std::move(worked)),
        outage_(options_.first_pause, options_.longest_pause) {
    if (metrics) AddMetrics(*metrics);
  }

  JobWorkerTotals Run(const std::stop_token& stop) {
    std::jthread renewing(
        [this](const std::stop_token& end) { RenewUntil(end); });
    std::jthread finishing([this, stop] { FinishAll(stop); });
    {
      std::vector<std::jthread> computing;
      for (int i = 0; i < options_.threads; ++i) {
        computing.emplace_back([this, stop] { ComputeUntil(stop); });
      }
      TakeUntil(stop);
    }
    ReturnTheRest();
    {
      const std::lock_guard lock(mutex_);
      computed_all_ = true;
      changed_.notify_all();
    }
    finishing.join();
    SignOff();
    const std::lock_guard lock(mutex_);
    return totals_;
  }

 private:
  void AddMetrics(MetricsRegistry& metrics) {
    const char* const name = "ocelli_worker_jobs_total";
    const char* const help = "Jobs that this worker is through with";
    computed_ = &metrics.AddCounter(name, help, {{"outcome", "computed"}});
    cached_ = &metrics.AddCounter(name, help, {{"outcome", "cached"}});
    failed_ = &metrics.AddCounter(name, help, {{"outcome", "failed"}});
    seconds_ = &metrics.AddHistogram(
        "ocelli_worker_job_seconds",
        "From fetching a job's image to its answer", LatencyBounds());
    in_hand_ = &metrics.AddGauge("ocelli_worker_jobs_in_hand",
                                 "Jobs that this worker holds");
  }

  // --- taking ---

  // How many to hold: a quarter of a second's work, so that others find some
  // too, and what is known already goes in large groups.
  std::size_t Wanted() const {
    const auto threads = static_cast<std::size_t>(options_.threads);
    const double enough =
        0.25 * static_cast<double>(threads) / std::max(seconds_a_job_, 1e-6);
    const std::size_t least = std::min(threads * 2, options_.batch);
    return std::clamp(static_cast<std::size_t>(std::min(enough, 1e6)), least,
                      options_.batch);
  }

  // Waits until there is room for some; 0 when stopped.
  std::size_t AwaitRoom(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    // Half of them at a time: the others are on their way meanwhile.
    changed_.wait(lock, stop, [&] { return held_.size() <= Wanted() / 2; });
    if (stop.stop_requested()) return 0;
    return std::max<std::size_t>(Wanted() - held_.size(), 1);
  }

  void TakeUntil(const std::stop_token& stop) {
    while (const std::size_t room = AwaitRoom(stop)) {
      auto taken = queue_.Take(options_.name, room, options_.take_wait, stop);
      if (!taken) {
        if (stop.stop_requested()) return;
        outage_.Say(QueueOutage::kTake, taken.error());
        outage_.Wait(QueueOutage::kTake, stop);
        continue;
      }
      outage_.Over(QueueOutage::kTake);
      Begin(std::move(*taken));
    }
  }

  void Begin(std::vector<TakenJob> taken) {
    std::vector<Held*> unknown;
    std::vector<Held*> begun;
    {
      const std::lock_guard lock(mutex_);
      for (TakenJob& job : taken) {
        // Given to itself again, because it could not renew: it is at it.
        if (held_.contains(job.id)) continue;
        auto held = std::make_unique<Held>();
        held->job = std::move(job);
        begun.push_back(held.get());
        held_.emplace(held->job.id, std::move(held));
      }
      ShowInHand();
    }
    std::vector<Held*> asked;
    std::vector<Digest> digests;
    for (Held* const held : begun) {
      if (held->job.job.digest) {
        asked.push_back(held);
        digests.push_back(*held->job.job.digest);
      } else {
        unknown.push_back(held);
      }
    }
    std::vector<std::optional<std::string>> answers;
    if (!digests.empty() && work_.known) answers = work_.known(digests);
    answers.resize(digests.size());
    std::vector<Held*> known;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (answers[i]) {
        asked[i]->value = std::move(*answers[i]);
        asked[i]->cached = true;
        known.push_back(asked[i]);
      } else {
        unknown.push_back(asked[i]);
      }
    }
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < known.size(); ++i) NoteTime(0);
    ready_.insert(ready_.end(), known.begin(), known.end());
    waiting_.insert(waiting_.end(), unknown.begin(), unknown.end());
    changed_.notify_all();
  }

  // --- computing ---

  void ComputeUntil(const std::stop_token& stop) {
    while (true) {
      Held* held = nullptr;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, stop, [&] { return !waiting_.empty(); });
        if (stop.stop_requested()) return;
        held = waiting_.front();
        waiting_.pop_front();
      }
      const auto begin = steady_clock::now();
      auto answer = Answer(held->job);
      held->seconds = SecondsSince(begin);
      if (answer && !answer->cached) {
        Log(LogLevel::kDebug, "job computed", {{"job", held->job.id}});
      }
      const std::lock_guard lock(mutex_);
      if (!answer && answer.error().code == ErrorCode::kCancelled) {
        waiting_.push_front(held);
        continue;
      }
      if (answer) {
        held->value = std::move(answer->value);
        held->cached = answer->cached;
      } else {
        held->error = answer.error();
      }
      NoteTime(held->seconds);
      ready_.push_back(held);
      changed_.notify_all();
    }
  }

  Result<std::vector<std::byte>> ImageOf(const TakenJob& taken) {
    if (!taken.job.reference.empty()) return work_.fetch(taken.job.reference);
    const TakenJob* const one[] = {&taken};
    return std::move(queue_.Images(one).front());
  }

  Result<JobAnswer> Answer(const TakenJob& taken) {
    auto image = ImageOf(taken);
    if (!image) return image.Failure();
    if (taken.job.digest && Sha256(*image) != *taken.job.digest) {
      return Fail(ErrorCode::kDataLoss,
                  "the image is not the one that was submitted");
    }
    auto answer = work_.answer(*image);
    if (!answer) return tl::unexpected(OfTheImage(answer.error()));
    return answer;
  }

  // --- handing in ---

  // Everything that is ready at a time: while one group is under way, the next
  // one gathers.
  void FinishAll(const std::stop_token& stop) {
    while (true) {
      std::vector<Held*> group;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !ready_.empty() || computed_all_; });
        if (ready_.empty()) return;
        group = std::exchange(ready_, {});
      }
      Finish(group, stop);
    }
  }

  void Finish(std::span<Held* const> group, const std::stop_token& stop) {
    std::vector<JobOutcome> outcomes;
    for (Held* const held : group) {
      outcomes.push_back({&held->job, held->value, held->error});
    }
    std::optional<steady_clock::time_point> stopped;
    while (true) {
      const auto finished = queue_.Finish(options_.name, outcomes);
      if (finished) {
        outage_.Over(QueueOutage::kHandIn);
        return LetGo(group, true);
      }
      if (!MayPass(finished.error())) {
        if (group.size() > 1) {
          // Whichever of them it is, the others are fine.
          for (std::size_t i = 0; i < group.size(); ++i) {
            Finish(group.subspan(i, 1), stop);
          }
          return;
        }
        Log(LogLevel::kError, "a result can't be handed in",
            {{"job", group[0]->job.id}, {"reason", finished.error().message}});
        return LetGo(group, false);
      }
      outage_.Say(QueueOutage::kHandIn, finished.error());
      if (stop.stop_requested()) {
        if (!stopped) stopped = steady_clock::now();
        if (steady_clock::now() - *stopped >= options_.patience_at_end) {
          Log(LogLevel::kWarning,
              "results could not be handed in: other workers do them again",
              {{"jobs", group.size()}});
          return LetGo(group, false);
        }
        SleepFor(options_.first_pause, {});
      } else {
        outage_.Wait(QueueOutage::kHandIn, stop);
      }
    }
  }

  void LetGo(std::span<Held* const> group, bool stored) {
    if (stored) {
      for (const Held* held : group) Tell(*held);
    }
    const std::lock_guard lock(mutex_);
    for (const Held* held : group) {
      if (stored) {
        totals_.done += !held->error;
        totals_.cached += !held->error && held->cached;
        totals_.failed += held->error.has_value();
      }
      held_.erase(std::string(held->job.id));
    }
    ShowInHand();
    changed_.notify_all();
  }

  void Tell(const Held& held) {
    if (computed_) {
      (held.error ? failed_ : held.cached ? cached_ : computed_)->Add();
      if (held.seconds > 0) seconds_->Observe(held.seconds);
    }
    if (worked_) {
      worked_({held.job, held.cached, held.error ? &*held.error : nullptr,
               held.seconds});
    }
  }

  void ReturnTheRest() {
    std::vector<TakenJob> rest;
    {
      const std::lock_guard lock(mutex_);
      for (const Held* held : waiting_) rest.push_back(held->job);
    }
    if (rest.empty()) return;
    const auto returned = queue_.Return(options_.name, PointersTo(rest));
    if (!returned) {
      Log(LogLevel::kWarning,
          "jobs could not be handed back: other workers take them over",
          {{"jobs", rest.size()}, {"reason", returned.error().message}});
    }
    const std::lock_guard lock(mutex_);
    if (returned) totals_.returned += rest.size();
    waiting_.clear();
    for (const TakenJob& job : rest) held_.erase(job.id);
  }

  // Only now it holds nothing, so that the queue forgets it.
  void SignOff() {
    if (outage_.Lasts()) return;
    if (const auto gone = queue_.Return(options_.name, {}); !gone) {
      Log(LogLevel::kWarning, "this worker stays listed for a while",
          {{"reason", gone.error().message}});
    }
  }

  // --- staying alive ---

  void RenewUntil(const std::stop_token& end) {
    while (SleepFor(options_.renew_every, end)) {
      std::vector<TakenJob> jobs;
      {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, held] : held_) jobs.push_back(held->job);
      }
      if (jobs.empty()) {
        outage_.Over(QueueOutage::kRenew);
        continue;
      }
      const auto renewed = queue_.Renew(options_.name, PointersTo(jobs));
      if (renewed) {
        outage_.Over(QueueOutage::kRenew);
      } else {
        outage_.Say(QueueOutage::kRenew, renewed.error());
      }
    }
  }

  // With mutex_.
  void NoteTime(double seconds) {
    seconds_a_job_ += 0.1 * (seconds - seconds_a_job_);
  }
  void ShowInHand() {
    if (in_hand_) in_hand_->Set(static_cast<double>(held_.size()));
  }

  JobQueue& queue_;
  const JobWork work_;
  const JobWorkerOptions options_;
  const std::function<void(const WorkedJob&)> worked_;
  QueueOutage outage_;
  Counter* computed_ = nullptr;
  Counter* cached_ = nullptr;
  Counter* failed_ = nullptr;
  Histogram* seconds_ = nullptr;
  Gauge* in_hand_ = nullptr;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_; what a pointer leads to belongs to whoever took it out
  // of waiting_ or ready_.
  std::map<std::string, std::unique_ptr<Held>> held_;  // By id.
  std::deque<Held*> waiting_;                          // For a thread.
  std::vector<Held*> ready_;                           // To be handed in.
  bool computed_all_ = false;
  double seconds_a_job_ = 0.05;  // Of a thread, in the mean.
  JobWorkerTotals totals_;
};

JobWorker::JobWorker(JobQueue& queue, JobWork work, JobWorkerOptions options,
                     MetricsRegistry* metrics,
                     std::function<void(const WorkedJob&)> worked)
    : shift_(std::make_unique<Shift>(queue, std::move(work), std::move(options),
                                     metrics, std::move(worked))) {}
JobWorker::~JobWorker() = default;

JobWorkerTotals JobWorker::Run(const std::stop_token& stop) {
  return shift_->Run(stop);
}

}  // namespace ocelli
