#include "net/http_transfers.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/check.h"
#include "net/curl.h"
#include "net/http_transfer.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kNever = steady_clock::time_point::max();

}  // namespace

// Sockets are watched with epoll and given to libcurl one by one: its own
// multi_poll() and multi_perform() look at all transfers for each event, which
// with hundreds of them costs more than sending.
struct HttpTransfers::State {
  explicit State(const HttpTransfersOptions& given);
  ~State();

  // A request, or `work` alone.
  std::uint64_t Add(HttpRequest request, Done done,
                    std::function<void()> work = {});
  void Cancel(std::uint64_t id);

  struct Job {
    std::uint64_t id = 0;
    HttpRequest request;
    Done done;
    std::function<void()> work;
  };

  static int OnSocket(CURL*, curl_socket_t socket, int what, void* user,
                      void*) noexcept;
  static int OnTimer(CURLM*, long wait, void* user) noexcept;

  void Wake();
  void Loop();
  void Begin(Job job);
  void AwaitEvents();
  void FinishDone();
  void FinishStalled();
  void End(std::uint64_t id, const Result<>& outcome);

  const HttpTransfersOptions options;
  const std::string ca_file;
  const Curl* curl = nullptr;  // Null where there is none.
  CURLM* multi = nullptr;
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

  // Of the loop's thread.
  std::unordered_map<std::uint64_t, std::unique_ptr<HttpTransfer>> active;
  std::vector<CURL*> idle;  // Handles to use again.
  steady_clock::time_point timer = kNever;
  steady_clock::time_point next_stall_check = kNever;

  std::mutex mutex;
  // Guarded by mutex.
  std::uint64_t next_id = 1;
  std::vector<Job> jobs;
  std::vector<std::uint64_t> cancelled;
  bool stopping = false;

  std::thread thread;
};

HttpTransfers::State::State(const HttpTransfersOptions& given)
    : options(given),
      ca_file(given.ca_file.empty() ? CaFileOfEnvironment() : given.ca_file) {
  OCELLI_CHECK(epoll >= 0 && wake >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake;
  OCELLI_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) == 0);
  // Signals are for other threads, SIGPIPE (from OpenSSL) for none. The new
  // thread inherits the mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread = std::thread([this] { Loop(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

HttpTransfers::State::~State() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  Wake();
  thread.join();
  close(wake);
  close(epoll);
}

void HttpTransfers::State::Wake() {
  const std::uint64_t one = 1;
  // Fails only where it is full, and so awake already.
  [[maybe_unused]] const auto written = write(wake, &one, sizeof(one));
}

std::uint64_t HttpTransfers::State::Add(HttpRequest request, Done done,
                                        std::function<void()> work) {
  std::uint64_t id = 0;
  bool first = false;
  {
    const std::lock_guard lock(mutex);
    id = next_id++;
    first = jobs.empty();
    jobs.push_back({id, std::move(request), std::move(done), std::move(work)});
  }
  // Jobs are taken all at once, so the first one's call serves the others. The
  // loop's own thread looks before it waits.
  if (first && std::this_thread::get_id() != thread.get_id()) Wake();
  return id;
}

void HttpTransfers::State::Cancel(std::uint64_t id) {
  {
    const std::lock_guard lock(mutex);
    cancelled.push_back(id);
  }
  Wake();
}

int HttpTransfers::State::OnSocket(CURL*, curl_socket_t socket, int what,
                                   void* user, void*) noexcept {
  const int epoll = static_cast<State*>(user)->epoll;
  epoll_event event{};
  event.data.fd = socket;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, socket, &event);
    return 0;
  }
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) != 0) {
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
  }
  return 0;
}

int HttpTransfers::State::OnTimer(CURLM*, long wait, void* user) noexcept {
  static_cast<State*>(user)->timer =
      wait < 0 ? kNever : steady_clock::now() + milliseconds(wait);
  return 0;
}

void HttpTransfers::State::Loop() {
  if (const Result<Curl>& loaded = LoadedCurl()) {
    curl = &*loaded;
    multi = curl->multi_init();
    OCELLI_CHECK(multi);
    curl->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &OnSocket);
    curl->multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &OnTimer);
    curl->multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    curl->multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                       static_cast<long>(options.kept_connections));
  }
  for (bool running = true; running;) {
    std::vector<Job> new_jobs;
    std::vector<std::uint64_t> to_cancel;
    bool stop = false;
    {
      const std::lock_guard lock(mutex);
      new_jobs.swap(jobs);
      to_cancel.swap(cancelled);
      stop = stopping;
    }
    const Result<> stopped = Fail(ErrorCode::kCancelled, "stopped");
    if (stop) {
      running = !new_jobs.empty() || !active.empty();
      for (Job& job : new_jobs) {
        job.work ? job.work() : job.done(stopped.Failure());
      }
      while (!active.empty()) End(active.begin()->first, stopped);
      continue;
    }
    for (Job& job : new_jobs) {
      job.work ? job.work() : Begin(std::move(job));
    }
    for (const std::uint64_t id : to_cancel) End(id, stopped);
    AwaitEvents();
    FinishDone();
    FinishStalled();
  }
  if (!curl) return;
  for (CURL* easy : idle) curl->easy_cleanup(easy);
  curl->multi_cleanup(multi);
}

void HttpTransfers::State::Begin(Job job) {
  if (!curl) {
    job.done(LoadedCurl().Failure());
    return;
  }
  auto transfer = std::make_unique<HttpTransfer>();
  if (!idle.empty()) {
    transfer->easy = idle.back();
    idle.pop_back();
    curl->easy_reset(transfer->easy);
  } else {
    transfer->easy = curl->easy_init();
  }
  if (!transfer->easy) {
    job.done(Fail(ErrorCode::kResourceExhausted, "libcurl has no memory"));
    return;
  }
  transfer->id = job.id;
  transfer->request = std::move(job.request);
  transfer->done = std::move(job.done);
  transfer->curl = curl;
  transfer->moved_at = steady_clock::now();
  transfer->SetUp(ca_file);
  next_stall_check =
      std::min(next_stall_check,
               transfer->moved_at + transfer->request.stall_timeout / 4);
  CURL* easy = transfer->easy;
  active.emplace(transfer->id, std::move(transfer));
  curl->multi_add_handle(multi, easy);
}

void HttpTransfers::State::AwaitEvents() {
  int wait = -1;
  {
    const std::lock_guard lock(mutex);
    if (!jobs.empty()) wait = 0;
  }
  const auto due = std::min(timer, next_stall_check);
  if (wait < 0 && due != kNever) {
    const auto left =
        std::chrono::ceil<milliseconds>(due - steady_clock::now()).count();
    wait = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(epoll, events.data(), events.size(), wait);
  int running = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == wake) {
      std::uint64_t calls = 0;
      [[maybe_unused]] const auto taken = read(wake, &calls, sizeof(calls));
      continue;
    }
    int what = 0;
    if (event.events & EPOLLIN) what |= CURL_CSELECT_IN;
    if (event.events & EPOLLOUT) what |= CURL_CSELECT_OUT;
    if (event.events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
    curl->multi_socket_action(multi, event.data.fd, what, &running);
  }
  if (timer <= steady_clock::now()) {
    timer = kNever;
    curl->multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

void HttpTransfers::State::FinishDone() {
  if (!curl) return;
  int left = 0;
  while (const CURLMsg* message = curl->multi_info_read(multi, &left)) {
    const CURLcode code = message->data.result;
    char* user = nullptr;
    curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
    auto& transfer = *reinterpret_cast<HttpTransfer*>(user);
    End(transfer.id, transfer.OutcomeOf(code));
  }
}

void HttpTransfers::State::FinishStalled() {
  const auto now = steady_clock::now();
  if (now < next_stall_check) return;
  next_stall_check = kNever;
  std::vector<std::uint64_t> stalled;
  for (const auto& [id, transfer] : active) {
    const milliseconds limit = transfer->request.stall_timeout;
    if (const std::int64_t moved = transfer->Moved();
        moved != transfer->moved) {
      transfer->moved = moved;
      transfer->moved_at = now;
    } else if (now - transfer->moved_at >= limit) {
      stalled.push_back(id);
      continue;
    }
    next_stall_check = std::min(next_stall_check, now + limit / 4);
  }
  for (const std::uint64_t id : stalled) {
    const auto limit = active.at(id)->request.stall_timeout;
    End(id, Fail(ErrorCode::kDeadlineExceeded,
                 "nothing moved for " + std::to_string(limit.count()) + " ms"));
  }
}

// Also for one that is not there any more.
void HttpTransfers::State::End(std::uint64_t id, const Result<>& outcome) {
  auto taken = active.extract(id);
  if (taken.empty()) return;
  const std::unique_ptr<HttpTransfer> transfer = std::move(taken.mapped());
  long status = 0;
  curl->easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  transfer->reply.status = static_cast<int>(status);
  curl->multi_remove_handle(multi, transfer->easy);
  curl->easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, nullptr);
  curl->slist_free_all(transfer->lines);
  idle.push_back(transfer->easy);
  if (outcome) {
    transfer->done(std::move(transfer->reply));
  } else {
    const HttpRequest& request = transfer->request;
    transfer->done(
        outcome.Failure(request.method + " " + request.url.ForMessage()));
  }
}

HttpTransfers::HttpTransfers(const HttpTransfersOptions& options)
    : state_(std::make_unique<State>(options)) {}
HttpTransfers::~HttpTransfers() = default;

void HttpTransfers::Start(HttpRequest request, Done done) {
  state_->Add(std::move(request), std::move(done));
}

void HttpTransfers::Post(std::function<void()> work) {
  state_->Add({}, {}, std::move(work));
}

Result<HttpReply> HttpTransfers::Run(HttpRequest request,
                                     std::stop_token stop) {
  // Shared with `done`, which may still be within set_value() when get()
  // returns.
  const auto promise = std::make_shared<std::promise<Result<HttpReply>>>();
  std::future<Result<HttpReply>> reply = promise->get_future();
  const std::uint64_t id =
      state_->Add(std::move(request), [promise](Result<HttpReply> result) {
        promise->set_value(std::move(result));
      });
  const std::stop_callback cancel(std::move(stop), [&] { state_->Cancel(id); });
  return reply.get();
}

}  // namespace ocelli
