#include "core/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <set>
#include <thread>
#include <vector>

namespace ocelli {
namespace {

using std::chrono_literals::operator""ms;

TEST(WorkerPool, StartsNoThreadBeforeThereIsWork) {
  const WorkerPool pool(4);
  EXPECT_EQ(pool.threads(), 0u);
}

TEST(WorkerPool, RunsWorkAtTheSameTimeWhereItWaits) {
  WorkerPool pool(3);
  std::latch together(3);
  std::latch ended(3);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(pool.Run([&] {
      together.arrive_and_wait();
      ended.count_down();
    }));
  }
  ended.wait();
  EXPECT_EQ(pool.threads(), 3u);
}

TEST(WorkerPool, RefusesWhatNoThreadIsFreeFor) {
  WorkerPool pool(2);
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  ASSERT_TRUE(pool.Run([gone] { gone.wait(); }));
  ASSERT_TRUE(pool.Run([gone] { gone.wait(); }));
  EXPECT_FALSE(pool.Run([] { FAIL() << "ran"; }));
  go.set_value();
}

TEST(WorkerPool, TakesAThreadThatIsThereAgain) {
  WorkerPool pool(1, std::chrono::hours(1));
  std::set<std::thread::id> threads;
  for (int i = 0; i < 100; ++i) {
    std::promise<std::thread::id> ran;
    // Work that has said it is done may still be on its way back.
    while (!pool.Run([&] { ran.set_value(std::this_thread::get_id()); })) {
      std::this_thread::yield();
    }
    threads.insert(ran.get_future().get());
  }
  EXPECT_EQ(threads.size(), 1u);
}

TEST(WorkerPool, AThreadWithoutWorkEnds) {
  WorkerPool pool(2, 1ms);
  ASSERT_TRUE(pool.Run([] {}));
  while (pool.threads() != 0) std::this_thread::yield();
  std::promise<void> again;
  ASSERT_TRUE(pool.Run([&] { again.set_value(); }));
  again.get_future().wait();
}

TEST(WorkerPool, WaitsForItsWorkAtTheEnd) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(64, 1ms);
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(pool.Run([&] { ++done; }));
  }
  EXPECT_EQ(done, 64);
}

TEST(WorkerPool, LosesNothingThatItTookFromManyThreads) {
  std::atomic<int> taken = 0;
  std::atomic<int> done = 0;
  {
    WorkerPool pool(4, 0ms);
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 4; ++caller) {
      callers.emplace_back([&] {
        for (int i = 0; i < 500; ++i) taken += pool.Run([&] { ++done; });
      });
    }
  }
  EXPECT_GT(taken, 0);
  EXPECT_EQ(done, taken);
}

TEST(WorkerPool, QueuesWhatItMayWhileAllThreadsAreBusy) {
  std::atomic<int> ran = 0;
  {
    std::promise<void> go;
    WorkerPool pool(1, 1ms, 2);
    ASSERT_TRUE(pool.Run([gone = go.get_future().share()] { gone.wait(); }));
    EXPECT_TRUE(pool.Run([&] { ++ran; }));
    EXPECT_TRUE(pool.Run([&] { ++ran; }));
    EXPECT_FALSE(pool.Run([&] { ++ran; }));
    EXPECT_TRUE(pool.RunHoweverFull([&] { ++ran; }));
    EXPECT_EQ(pool.threads(), 1u);
    go.set_value();
    pool.Finish();
    EXPECT_FALSE(pool.RunHoweverFull([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 3);
}

}  // namespace
}  // namespace ocelli
