#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/digest.h"
#include "core/result.h"
#include "metrics/metrics.h"
#include "redis/redis_client.h"

namespace ocelli {

// One image to analyse.
struct Job {
  std::string batch;
  std::uint64_t index = 0;  // In its batch, from 0.
  std::string name;         // As the submitter named it: a path or URL.
  // Where the image is: a URL (s3://, https://), or empty where it travels by
  // value.
  std::string reference;
  std::optional<Digest> digest;  // Of its bytes, where the submitter knows it.
  // By value, only on the way in: JobQueue::Images() has those of taken jobs.
  std::vector<std::byte> image;
};

// A job in a worker's hands. `id` is the queue's own.
struct TakenJob {
  Job job;
  std::string id;
  int attempt = 1;  // 2: tried once before.
};

// How a job ended, or `error` where it could not be done.
struct JobResult {
  std::uint64_t index = 0;
  std::string name;
  std::string value;  // The serialised answer; empty with an error.
  std::optional<Error> error;
  int attempts = 1;
};

// What a worker says of a job it took.
struct JobOutcome {
  const TakenJob* job = nullptr;
  std::string value;
  std::optional<Error> error;  // kUnavailable, kDeadlineExceeded,
                               // kResourceExhausted: may go better later.
};

struct JobQueueOptions {
  std::string group = "default";  // Of cameras or users: has its own streams.
  int partitions = 0;             // Of the streams; 0: 1, and 16 on a Cluster.
  // Unfinished jobs of the group, about; more make Submit() wait.
  std::size_t max_waiting = 10000;
  std::size_t max_value_bytes = 8 << 20;  // Of an image by value.
  std::chrono::seconds image_ttl{24 * 3600};
  std::chrono::seconds result_ttl{7 * 24 * 3600};
  // A job whose worker said nothing for so long is taken over.
  std::chrono::milliseconds takeover{15000};
  int max_attempts = 4;
  std::chrono::milliseconds retry_first{500};  // Doubles, with jitter.
  std::chrono::milliseconds retry_last{60000};
  std::size_t max_dead = 10000;  // Dead letters kept; older ones go.
  std::uint64_t seed = 0;        // Of jitter and batch ids; 0: any.
};

// Whether a job that failed so is worth another try later.
bool MayGoBetterLater(ErrorCode code);

struct BatchStatus {
  std::string batch;
  std::string group;
  std::uint64_t submitted = 0;
  bool complete = false;     // Nothing more is coming.
  std::uint64_t done = 0;    // With a result or an error.
  std::uint64_t failed = 0;  // Of them, with an error.
  std::chrono::system_clock::time_point created;
  std::string description;
};

struct DeadJob {
  std::string id;
  Job job;
  int attempts = 0;
  std::string reason;
};

struct QueueStatus {
  std::string group;
  std::uint64_t waiting = 0;  // Not taken yet.
  std::uint64_t taken = 0;    // In some worker's hands.
  std::uint64_t delayed = 0;  // To be tried again later.
  std::uint64_t dead = 0;
  std::vector<std::string> workers;
};

// Batches of images on their way to workers and back. Nothing that Submit()
// acknowledged is lost while the queue's memory is there; a job may be computed
// twice when its worker dies, but has one result. Trouble with Redis comes back
// as RedisClient says it; every call may then be made again. Thread-safe.
class JobQueue {
 public:
  virtual ~JobQueue() = default;

  // --- who submits ---
  // The new batch's id.
  virtual Result<std::string> Begin(std::string_view description) = 0;
  // All in order or, after an error, some of them; the same jobs (batch and
  // index) may be submitted again. Waits while the queue is full.
  // kInvalidArgument: an image too large to travel by value, or neither image
  // nor reference. kNotFound: no such batch. kResourceExhausted: Redis is full.
  virtual Result<> Submit(std::span<const Job> jobs,
                          const std::stop_token& stop) = 0;
  // No more jobs come: `total` is how many there are. kDataLoss: Redis does not
  // have them all (a master died before its replica knew); submit them again.
  virtual Result<> Complete(const std::string& batch, std::uint64_t total) = 0;

  // --- who waits ---
  // Calls `use` with results `from`, `from` + 1, ... as they come, until the
  // batch is complete and all are there, `use` fails or `stop` is requested.
  // Returns the index after the last one used. kNotFound: no such batch, or it
  // was purged. kDataLoss: Redis lost the next job; whoever has it still may
  // submit it again, best with all that came after it, and wait on from there.
  virtual Result<std::uint64_t> Await(
      const std::string& batch, std::uint64_t from,
      const std::function<Result<>(JobResult)>& use,
      const std::stop_token& stop) = 0;

  // --- who works ---
  // Up to `max` jobs: new ones, those due again, those of workers that died.
  // Waits for the first one until `wait` is over or `stop` is requested.
  virtual Result<std::vector<TakenJob>> Take(const std::string& worker,
                                             std::size_t max,
                                             std::chrono::milliseconds wait,
                                             const std::stop_token& stop) = 0;
  // The images of jobs that travel by value, in their order. kNotFound: it is
  // gone, or it never was by value.
  virtual std::vector<Result<std::vector<std::byte>>> Images(
      std::span<const TakenJob* const> jobs) = 0;
  // Still at it: nobody takes these over for another while. What was taken over
  // already stays with whom it went to.
  virtual Result<> Renew(const std::string& worker,
                         std::span<const TakenJob* const> jobs) = 0;
  // Keeps the result first, then lets go of the job. An error that may go
  // better later and attempts left: the job comes again. Other errors become
  // the result and a dead letter.
  virtual Result<> Finish(const std::string& worker,
                          std::span<const JobOutcome> outcomes) = 0;
  // Hands back what was taken and not finished, for others to take at once and
  // not counted as an attempt. A worker that holds nothing more is forgotten by
  // Status() until it takes again.
  virtual Result<> Return(const std::string& worker,
                          std::span<const TakenJob* const> jobs) = 0;

  // --- who looks after it ---
  virtual Result<QueueStatus> Status() = 0;
  // Of the group: the newest 1000, newest first.
  virtual Result<std::vector<BatchStatus>> Batches() = 0;
  virtual Result<BatchStatus> Batch(const std::string& batch) = 0;
  // Failed jobs of the batch again, as far as their dead letters are there; how
  // many.
  virtual Result<std::uint64_t> Retry(const std::string& batch) = 0;
  // Newest first.
  virtual Result<std::vector<DeadJob>> Dead(std::size_t max) = 0;
  // Forgets one batch with all it has, or with an empty name every finished
  // batch and all dead letters; how many batches.
  virtual Result<std::uint64_t> Purge(const std::string& batch) = 0;

  virtual const JobQueueOptions& options() const = 0;
};

// Within this process. What is passed in outlives it.
std::unique_ptr<JobQueue> MakeMemoryJobQueue(
    const JobQueueOptions& options = {}, const Clock& clock = SystemClock(),
    MetricsRegistry* metrics = nullptr);

// Redis Streams; `redis` and `metrics` (null: none) outlive it. The clocks of
// the machines don't matter: time is Redis's own. kInvalidArgument: a group
// whose name has more than letters, digits, '.', '_' and '-'.
// kFailedPrecondition: the group has another number of partitions already.
Result<std::unique_ptr<JobQueue>> OpenRedisJobQueue(
    RedisClient& redis, const JobQueueOptions& options = {},
    MetricsRegistry* metrics = nullptr);

}  // namespace ocelli
