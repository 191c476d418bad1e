#include "cli/job_feed.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "core/file.h"
#include "media/image_files.h"
#include "recognize/referenced_images.h"
#include "store/object_store.h"

namespace ocelli {
namespace {

// What goes to the queue at a time.
constexpr std::size_t kGroupJobs = 64;
constexpr std::uint64_t kGroupBytes = 8 << 20;
constexpr std::string_view kS3 = "s3://";

std::string MiB(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MiB",
                static_cast<double>(bytes) / (1 << 20));
  return text;
}

}  // namespace

JobFeed::JobFeed(JobQueue& queue, std::string batch,
                 std::vector<std::string> sources,
                 std::function<void(const Error&)> failure)
    : queue_(queue),
      batch_(std::move(batch)),
      sources_(std::move(sources)),
      failure_(std::move(failure)) {}

void JobFeed::LeaveOut(const Error& error) {
  ++failed_;
  failure_(error);
}

Result<Job> JobFeed::MakeJob(const std::string& name) const {
  Job job;
  job.batch = batch_;
  job.name = name;
  if (IsImageReference(name)) {
    job.reference = name;
    return job;
  }
  const std::uint64_t most = queue_.options().max_value_bytes;
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(name, error);
  if (!error && size > most) {
    return Fail(
        ErrorCode::kInvalidArgument,
        name + ": with " + MiB(size) + " too large to travel through Redis (" +
            MiB(most) +
            "): put it where the workers can fetch it and submit its s3:// or "
            "https:// address, or raise --max-value");
  }
  auto bytes = ReadFileLimited(name, most);
  if (!bytes) return bytes.Failure();
  job.digest = Sha256(*bytes);
  job.image = std::move(*bytes);
  return job;
}

Result<> JobFeed::Add(const std::string& name, const std::stop_token& stop) {
  auto job = MakeJob(name);
  if (!job) {
    LeaveOut(job.error());
    return {};
  }
  {
    const std::lock_guard lock(mutex_);
    job->index = names_.size();
    names_.push_back(name);
  }
  group_bytes_ += job->image.size();
  group_.push_back(std::move(*job));
  if (group_.size() < kGroupJobs && group_bytes_ < kGroupBytes) return {};
  return Flush(stop);
}

Result<> JobFeed::Flush(const std::stop_token& stop) {
  if (group_.empty()) return {};
  const auto submitted = queue_.Submit(group_, stop);
  if (!submitted) return submitted.Failure();
  submitted_ += group_.size();
  group_.clear();
  group_bytes_ = 0;
  return {};
}

Result<> JobFeed::FeedFiles(const std::string& path,
                            const std::stop_token& stop) {
  std::vector<std::string> files;
  for (auto& found : FindImages(std::span(&path, 1))) {
    if (found) {
      files.push_back(found->string());
    } else {
      LeaveOut(found.error());
    }
  }
  found_ += files.size();
  for (const std::string& file : files) {
    if (stop.stop_requested()) break;
    if (const auto added = Add(file, stop); !added) return added;
  }
  return {};
}

// What ends as an image is one; the rest is a folder.
Result<> JobFeed::FeedObjects(const std::string& url,
                              const std::stop_token& stop) {
  const std::size_t slash = std::min(url.find('/', kS3.size()), url.size());
  std::string prefix = url.substr(std::min(slash + 1, url.size()));
  if (HasImageEnding(prefix)) {
    ++found_;
    return Add(url, stop);
  }
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  const auto store = ObjectStore::Open(url.substr(0, slash));
  if (!store) {
    LeaveOut(store.error());
    return {};
  }
  std::uint64_t images = 0;
  Result<> added;
  const auto listed = (*store)->List(
      prefix,
      [&](const ObjectInfo& object) -> Result<> {
        if (!HasImageEnding(object.key)) return {};
        ++images;
        ++found_;
        return added = Add((*store)->root() + '/' + object.key, stop);
      },
      stop);
  if (!added) return added;
  if (stop.stop_requested()) return {};
  if (!listed) {
    LeaveOut(listed.error());
  } else if (images == 0) {
    LeaveOut({ErrorCode::kNotFound, "no images in " + url});
  }
  return {};
}

Result<> JobFeed::FeedAll(const std::stop_token& stop) {
  for (const std::string& source : sources_) {
    if (stop.stop_requested()) break;
    Result<> fed;
    if (source.starts_with(kS3)) {
      fed = FeedObjects(source, stop);
    } else if (IsImageReference(source)) {
      ++found_;
      fed = Add(source, stop);
    } else {
      fed = FeedFiles(source, stop);
    }
    if (!fed) return fed;
  }
  return Flush(stop);
}

Result<> JobFeed::Run(const std::stop_token& stop) {
  const auto fed = FeedAll(stop);
  if (!fed) {
    if (!stop.stop_requested()) return fed;
    // Of the group that was stopped, some may be there.
    const auto status = queue_.Batch(batch_);
    if (!status) return status.Failure();
    submitted_ = status->submitted;
  }
  // Twice, because what was submitted may have been lost with a master.
  constexpr int kTries = 2;
  for (int left = kTries;; --left) {
    const auto completed = queue_.Complete(batch_, submitted_);
    if (completed || completed.error().code != ErrorCode::kDataLoss ||
        left == 0 || stop.stop_requested()) {
      return completed;
    }
    for (std::uint64_t i = 0; i < submitted_; ++i) {
      if (const auto again = SubmitAgain(i, stop); !again) return again;
    }
  }
}

Result<> JobFeed::SubmitAgain(std::uint64_t index,
                              const std::stop_token& stop) {
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (index >= names_.size()) {
      return Fail(ErrorCode::kDataLoss,
                  "the queue lost a job that it was not given");
    }
    name = names_[index];
  }
  auto job = MakeJob(name);
  if (!job) return job.Failure("submitting it again, because it was lost");
  job->index = index;
  return queue_.Submit(std::span(&*job, 1), stop);
}

}  // namespace ocelli
