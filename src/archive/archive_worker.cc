#include "archive/archive_worker.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <random>
#include <span>
#include <utility>

#include "core/digest.h"
#include "core/log.h"

namespace ocelli {
namespace {

using std::chrono::nanoseconds;

// Frames begun and not delivered: enough that one slow upload holds up none.
constexpr std::size_t kLeastWindow = 64, kMostWindow = 1024;
constexpr std::size_t kWindowPerSlot = 4;

// Failures in a row that are an outage: few tries then, and no new frames.
constexpr int kOutage = 4;
constexpr std::size_t kProbes = 2;
constexpr std::chrono::seconds kProbeEvery{2};

// After a request to stop: for uploads under way, and for the manifest too.
constexpr std::chrono::seconds kUploadsGrace{5}, kStopGrace{10};

UploadWindowOptions WindowOptions(const ArchiverOptions& options) {
  UploadWindowOptions window;
  window.tries = std::max(1, options.retries);
  window.first_wait = options.first_wait;
  window.last_wait = options.last_wait;
  window.duplicates_within = options.duplicates_within;
  window.seed = options.seed != 0 ? options.seed : std::random_device{}();
  return window;
}

}  // namespace

ArchiveWorker::ArchiveWorker(const ArchiverOptions& options,
                             std::string to_resume, Spool& spool,
                             ManifestLog& log, ObjectStore& store,
                             UploadBudget& budget, ArchiveMetrics& metrics,
                             std::shared_ptr<ArchiveExchange> exchange,
                             std::uint64_t next_seq)
    : options_(options),
      to_resume_(std::move(to_resume)),
      spool_(spool),
      log_(log),
      store_(store),
      budget_(budget),
      metrics_(metrics),
      exchange_(std::move(exchange)),
      share_(budget.AddShare([exchange = exchange_] {
        const std::lock_guard lock(exchange->mutex);
        exchange->Wake();
      })),
      window_(WindowOptions(options), next_seq),
      manifest_(log, options.manifest_every, WindowOptions(options)),
      last_begun_(options.clock->MonotonicTime()) {
  now_ = last_begun_;
  if (const auto last = log_.last()) {
    last_run_ = last->frame.run;
    manifest_.Grew(last_begun_);
    manifest_.Hurry(last_begun_);
  }
}

void ArchiveWorker::Run() {
  std::optional<Result<>> result;
  while (!result) {
    News news;
    Publish();
    if (!WaitForNews(news)) return;
    now_ = options_.clock->MonotonicTime();
    for (const EndedUpload& ended : news.ended) {
      if (ended.seq) {
        FrameEnded(ended, now_);
      } else {
        ManifestEnded(ended, now_);
      }
    }
    if (news.frames > 0) Sync(news);
    if (news.stopping && !stop_began_) stop_began_ = now_;
    if (!error_ && !stop_began_) BeginUploads(now_);
    Deliver(now_);
    if (stop_began_) {
      result = StopStep(now_);
    } else if (news.finishing) {
      result = FinishStep(now_);
    }
  }
  Publish();
  const std::lock_guard lock(exchange_->mutex);
  exchange_->finished = std::move(result);
  exchange_->for_callers.notify_all();
}

bool ArchiveWorker::WaitForNews(News& news) {
  const auto timer = NextTimer();
  std::unique_lock lock(exchange_->mutex);
  const auto woken = [this] { return exchange_->woken; };
  if (timer) {
    exchange_->for_worker.wait_for(
        lock, *timer - options_.clock->MonotonicTime(), woken);
  } else {
    exchange_->for_worker.wait(lock, woken);
  }
  exchange_->woken = false;
  if (exchange_->closed) return false;
  news.ended.swap(exchange_->ended);
  news.frames = exchange_->unsynced_frames;
  news.bytes = exchange_->unsynced_bytes;
  news.finishing = exchange_->finishing;
  news.stopping = exchange_->stopping;
  return true;
}

std::optional<ArchiveWorker::Time> ArchiveWorker::NextTimer() const {
  std::optional<Time> timer;
  // What was due already waits for a slot, which has a call of its own.
  const auto consider = [&](std::optional<Time> time) {
    if (time && *time > now_ && (!timer || *time < *timer)) timer = time;
  };
  if (stop_began_) {
    consider(*stop_began_ + kUploadsGrace);
    consider(*stop_began_ + kStopGrace);
  } else if (!error_) {
    consider(window_.NextReady());
    consider(manifest_.NextDue());
    if (is_outage()) consider(last_begun_ + kProbeEvery);
  }
  return timer;
}

void ArchiveWorker::Sync(const News& news) {
  if (auto synced = spool_.Sync(); !synced) {
    Fail(synced.error());
    return;
  }
  metrics_.taken.Add(static_cast<double>(news.frames));
  const std::lock_guard lock(exchange_->mutex);
  exchange_->unsynced_frames -= news.frames;
  exchange_->unsynced_bytes -= news.bytes;
  exchange_->status.taken += news.frames;
  exchange_->for_callers.notify_all();
}

ArchiveWorker::Outcome ArchiveWorker::OutcomeOf(
    const EndedUpload& ended) const {
  if (ended.outcome.result) return Outcome::kStored;
  return ended.outcome.slow_down ? Outcome::kSlowDown : Outcome::kFailed;
}

void ArchiveWorker::FrameEnded(const EndedUpload& ended, Time now) {
  const std::uint64_t seq = *ended.seq;
  const PutOutcome& outcome = ended.outcome;
  share_->Return(OutcomeOf(ended), ended.took);
  if (outcome.result) {
    metrics_.stored.Add();
    metrics_.seconds.Observe(std::chrono::duration<double>(ended.took).count());
    const std::lock_guard lock(exchange_->mutex);
    ++exchange_->status.stored;
    exchange_->status.bytes += window_.RecordOf(seq).bytes;
  }
  if (outcome.result) {
    window_.Stored(seq);
    Succeeded(now);
    return;
  }

  const Error& error = outcome.result.error();
  const bool damaged = error.code == ErrorCode::kDataLoss;
  metrics_.failed.Add();
  if (damaged && !IsIntact(seq)) {
    Log(LogLevel::kError, "a frame was damaged in the spool",
        {{"task", options_.name}, {"seq", seq}, {"error", error.message}});
    window_.Lost(seq);
    metrics_.dropped.Add();
    const std::lock_guard lock(exchange_->mutex);
    ++exchange_->status.dropped;
    return;
  }
  if (!MayTryAgain(error) && !damaged) {
    window_.Returned(seq);
    Fail(error);
    return;
  }
  TryFailed(error, outcome.slow_down);
  if (!window_.Failed(seq, now, outcome.retry_after)) UsedUp(error);
}

void ArchiveWorker::ManifestEnded(const EndedUpload& ended, Time now) {
  const PutOutcome& outcome = ended.outcome;
  share_->Return(OutcomeOf(ended), ended.took);
  if (outcome.result) {
    Succeeded(now);
    if (auto noted = manifest_.Stored(now); !noted) Fail(noted.error());
    return;
  }
  const Error& error = outcome.result.error();
  metrics_.failed.Add();
  const bool more = manifest_.Failed(now, outcome.retry_after);
  if (!MayTryAgain(error)) {
    Fail(error);
    return;
  }
  TryFailed(error, outcome.slow_down);
  if (!more) UsedUp(error);
}

void ArchiveWorker::Succeeded(Time now) {
  if (!in_trouble_) return;
  if (is_outage()) {
    Log(LogLevel::kInfo, "uploads succeed again", {{"task", options_.name}});
    window_.WakeAll();
    manifest_.WakeUp();
    window_.Advance(now);
  }
  failures_ = 0;
  in_trouble_ = false;
  const std::lock_guard lock(exchange_->mutex);
  exchange_->status.trouble.clear();
  exchange_->status.trouble_since.reset();
}

void ArchiveWorker::TryFailed(const Error& error, bool slow_down) {
  in_trouble_ = true;
  if (!slow_down && ++failures_ == kOutage) {
    Log(LogLevel::kWarning, "uploads fail; frames wait in the spool",
        {{"task", options_.name}, {"error", error.message}});
  }
  const std::lock_guard lock(exchange_->mutex);
  ArchiveStatus& status = exchange_->status;
  ++status.retries;
  status.trouble = error.message;
  if (!status.trouble_since) status.trouble_since = options_.clock->WallTime();
}

bool ArchiveWorker::is_outage() const { return failures_ >= kOutage; }

void ArchiveWorker::UsedUp(const Error& error) {
  const int tries = std::max(1, options_.retries);
  if (!options_.live) {
    Fail({error.code,
          "after " + std::to_string(tries) + " tries: " + error.message});
    return;
  }
  if (told_tries_) return;
  told_tries_ = true;
  Log(LogLevel::kWarning, "tries are used up; a live archive goes on trying",
      {{"task", options_.name}, {"tries", tries}, {"error", error.message}});
}

void ArchiveWorker::Fail(Error error) {
  if (error_) return;
  error.message =
      "archive " + options_.name + ": " + error.message + to_resume_;
  error_ = error;
  const std::lock_guard lock(exchange_->mutex);
  exchange_->error = std::move(error);
  exchange_->for_callers.notify_all();
}

bool ArchiveWorker::IsIntact(std::uint64_t seq) const {
  const ByteSource& body = window_.BodyOf(seq);
  std::vector<std::byte> part(1 << 16);
  Sha256Stream digest;
  for (std::uint64_t at = 0; at < body.size;) {
    const auto count = body.read(at, part);
    if (!count || *count == 0) return false;
    digest.Update(std::span(part).first(*count));
    at += *count;
  }
  return digest.Finish() == window_.RecordOf(seq).digest;
}

std::size_t ArchiveWorker::WindowSize() const {
  return std::clamp(kWindowPerSlot * static_cast<std::size_t>(budget_.limit()),
                    kLeastWindow, kMostWindow);
}

std::size_t ArchiveWorker::WantedFrames(Time now) {
  window_.Advance(now);
  const std::size_t waiting = static_cast<std::size_t>(
      std::min<std::uint64_t>(spool_.waiting(), kMostWindow));
  if (!is_outage()) {
    const std::size_t room =
        WindowSize() - std::min(WindowSize(), window_.size());
    return window_.ready() + std::min(waiting, room);
  }
  const bool overdue = now - last_begun_ >= kProbeEvery;
  if (options_.live && overdue && under_way() == 0 && window_.ready() == 0) {
    window_.WakeFirst();
    window_.Advance(now);
  }
  // One that hangs must not hide that the store is back.
  const std::size_t probes = under_way() < kProbes ? kProbes - under_way()
                             : overdue             ? 1
                                                   : 0;
  const bool may_take = window_.ready() == 0 && window_.sleeping() == 0 &&
                        window_.size() < WindowSize();
  return std::min(probes, may_take ? waiting : window_.ready());
}

void ArchiveWorker::BeginUploads(Time now) {
  std::size_t frames = WantedFrames(now);
  const auto due = manifest_.NextDue();
  bool manifest = due && *due <= now;
  if (manifest && is_outage() && under_way() >= kProbes) manifest = false;
  int slots = share_->Take(static_cast<int>(frames) + (manifest ? 1 : 0));
  if (slots > 0 && manifest && BeginManifest(now)) --slots;
  while (slots > 0 && frames > 0 && !error_ && BeginFrame()) {
    last_begun_ = now;
    --slots;
    --frames;
  }
  for (; slots > 0; --slots) share_->Return(Outcome::kNotTried, {});
}

bool ArchiveWorker::BeginManifest(Time now) {
  auto request = manifest_.Begin(now);
  if (!request) {
    Fail(request.error());
    return false;
  }
  if (!*request) return false;
  last_begun_ = now;
  StartPut(std::nullopt, *std::move(*request));
  return true;
}

bool ArchiveWorker::BeginFrame() {
  while (window_.ready() == 0) {
    if (window_.size() >= WindowSize() || !TakeFromSpool()) return false;
  }
  UploadWindow::Upload upload = *window_.Begin();
  StartPut(upload.seq, std::move(upload.request));
  return true;
}

bool ArchiveWorker::TakeFromSpool() {
  auto next = spool_.Next();
  if (!next) {
    Fail(next.error());
    return false;
  }
  if (!*next) return false;
  SpooledFrame& frame = **next;
  if (frame.record.seq != window_.next_seq()) {
    Fail({ErrorCode::kDataLoss,
          "the spool has no frame " + std::to_string(window_.next_seq()) +
              ", the next is " + std::to_string(frame.record.seq)});
    return false;
  }
  if (!frame.damage.empty()) {
    Log(LogLevel::kError, "a frame was damaged in the spool",
        {{"task", options_.name},
         {"seq", frame.record.seq},
         {"error", frame.damage}});
    metrics_.dropped.Add();
    const std::lock_guard lock(exchange_->mutex);
    ++exchange_->status.dropped;
  }
  window_.Push(std::move(frame));
  return true;
}

void ArchiveWorker::StartPut(std::optional<std::uint64_t> seq,
                             PutRequest request) {
  const Time began = options_.clock->MonotonicTime();
  store_.StartPut(std::move(request), [exchange = exchange_, seq,
                                       began](PutOutcome outcome) {
    const std::lock_guard lock(exchange->mutex);
    if (exchange->closed) return;
    exchange->ended.push_back(
        {seq, std::move(outcome), exchange->clock.MonotonicTime() - began});
    exchange->Wake();
  });
}

void ArchiveWorker::Deliver(Time now) {
  for (;;) {
    std::vector<ManifestLine> lines = window_.Deliverable();
    if (lines.empty()) return;
    if (auto written = log_.Append(lines); !written) {
      Fail(written.error());
      return;
    }
    if (options_.on_lines) options_.on_lines(lines);
    window_.Delivered(lines.size());
    manifest_.Grew(now);
    last_run_ = lines.back().frame.run;
    if (auto released = spool_.Release(lines.back().frame.seq); !released) {
      Fail(released.error());
      return;
    }
    const std::lock_guard lock(exchange_->mutex);
    ArchiveStatus& status = exchange_->status;
    status.delivered += lines.size();
    for (const ManifestLine& line : lines) {
      if (!line.dropped && line.attempts == 0) ++status.duplicates;
    }
    status.last = std::move(lines.back());
    exchange_->undelivered = status.last->frame.seq + 1;
    ++exchange_->releases;
    exchange_->for_callers.notify_all();
  }
}

std::optional<Result<>> ArchiveWorker::FinishStep(Time now) {
  if (error_) return tl::unexpected(*error_);
  if (window_.size() > 0 || spool_.waiting() > 0) return std::nullopt;
  if (AppendEnd(now)) {
    manifest_.Hurry(now);
    BeginUploads(now);
  }
  if (error_) return tl::unexpected(*error_);
  if (!manifest_.is_stored()) return std::nullopt;
  return Result<>{};
}

bool ArchiveWorker::AppendEnd(Time now) {
  const auto last = log_.last();
  if (!last || last->end) return true;
  ManifestLine end;
  end.end = true;
  end.frame.seq = window_.next_seq();
  end.frame.run = last_run_;
  end.frame.time =
      std::chrono::floor<std::chrono::microseconds>(options_.clock->WallTime());
  if (auto written = log_.Append(std::span(&end, 1)); !written) {
    Fail(written.error());
    return false;
  }
  manifest_.Grew(now);
  const std::lock_guard lock(exchange_->mutex);
  exchange_->status.last = std::move(end);
  return true;
}

std::optional<Result<>> ArchiveWorker::StopStep(Time now) {
  if (error_) return tl::unexpected(*error_);
  // A store that does not answer is not waited for.
  const auto within = [&](std::chrono::seconds grace) {
    return !is_outage() && now < *stop_began_ + grace;
  };
  if (window_.uploading() > 0 && within(kUploadsGrace)) return std::nullopt;
  if (!manifest_.is_stored() && within(kStopGrace)) {
    if (manifest_.under_way()) return std::nullopt;
    if (manifest_.failures() == 0) {
      manifest_.Hurry(now);
      if (share_->Take(1) == 0) return std::nullopt;
      if (BeginManifest(now)) return std::nullopt;
      share_->Return(Outcome::kNotTried, {});
      if (error_) return tl::unexpected(*error_);
    }
  }
  return tl::unexpected(
      Error{ErrorCode::kCancelled,
            "archive " + options_.name + ": stopped" + to_resume_});
}

void ArchiveWorker::Publish() {
  const int limit = budget_.limit();
  const std::uint64_t bytes = spool_.bytes();
  const std::uint64_t waiting = spool_.waiting();
  metrics_.spool_bytes.Set(static_cast<double>(bytes));
  metrics_.waiting.Set(static_cast<double>(waiting));
  metrics_.in_flight.Set(static_cast<double>(under_way()));
  const std::lock_guard lock(exchange_->mutex);
  ArchiveStatus& status = exchange_->status;
  status.parallel = limit;
  status.spool_bytes = bytes;
  status.waiting = waiting;
  status.in_flight = static_cast<int>(window_.size());
}

}  // namespace ocelli
