#include "core/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace ocelli {
namespace {

TEST(BoundedQueueTest, FirstInFirstOut) {
  BoundedQueue<int> queue(3);
  for (const int value : {1, 2, 3}) EXPECT_TRUE(queue.Push(value));
  EXPECT_EQ(queue.size(), 3u);
  for (const int value : {1, 2, 3}) EXPECT_EQ(queue.Pop(), value);
}

TEST(BoundedQueueTest, DroppingMakesRoomAtTheOldEnd) {
  BoundedQueue<int> queue(2);
  EXPECT_EQ(queue.PushDroppingOldest(1), std::nullopt);
  EXPECT_EQ(queue.PushDroppingOldest(2), std::nullopt);
  EXPECT_EQ(queue.PushDroppingOldest(3), 1);
  EXPECT_EQ(queue.Pop(), 2);
  EXPECT_EQ(queue.Pop(), 3);
}

TEST(BoundedQueueTest, ClosedTakesNothingMoreAndGivesWhatItHas) {
  BoundedQueue<int> queue(2);
  ASSERT_TRUE(queue.Push(1));
  queue.Close();
  EXPECT_FALSE(queue.Push(2));
  EXPECT_EQ(queue.PushDroppingOldest(3), 3);
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueueTest, AStopIsHonouredBeforeWaiting) {
  BoundedQueue<int> queue(1);
  ASSERT_TRUE(queue.Push(1));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(queue.Push(2, stop.get_token()));
  EXPECT_EQ(queue.Pop(stop.get_token()), std::nullopt);
  EXPECT_EQ(queue.size(), 1u);
}

// In the three tests below the thread may wait before or after the event that
// ends its wait; both orders must end.
TEST(BoundedQueueTest, AStopEndsAWait) {
  BoundedQueue<int> full(1), empty(1);
  ASSERT_TRUE(full.Push(1));
  std::jthread pusher(
      [&](std::stop_token stop) { EXPECT_FALSE(full.Push(2, stop)); });
  std::jthread popper(
      [&](std::stop_token stop) { EXPECT_EQ(empty.Pop(stop), std::nullopt); });
  pusher.request_stop();
  popper.request_stop();
}

TEST(BoundedQueueTest, ClosingEndsAWait) {
  BoundedQueue<int> full(1), empty(1);
  ASSERT_TRUE(full.Push(1));
  std::jthread pusher([&] { EXPECT_FALSE(full.Push(2)); });
  std::jthread popper([&] { EXPECT_EQ(empty.Pop(), std::nullopt); });
  full.Close();
  empty.Close();
}

TEST(BoundedQueueTest, TakingMakesRoomForWhoWaits) {
  BoundedQueue<int> queue(1);
  ASSERT_TRUE(queue.Push(1));
  std::jthread pusher([&] { EXPECT_TRUE(queue.Push(2)); });
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), 2);
}

TEST(BoundedQueueTest, NothingIsLostOrDoubledBetweenManyThreads) {
  constexpr int kThreads = 4, kEach = 500;
  BoundedQueue<int> queue(3);
  std::atomic<int> count = 0;
  std::atomic<long> sum = 0;
  {
    std::vector<std::jthread> poppers;
    for (int t = 0; t < kThreads; ++t) {
      poppers.emplace_back([&] {
        while (const auto value = queue.Pop()) {
          ++count;
          sum += *value;
          EXPECT_LE(queue.size(), queue.capacity());
        }
      });
    }
    {
      std::vector<std::jthread> pushers;
      for (int t = 0; t < kThreads; ++t) {
        pushers.emplace_back([&queue, t] {
          for (int i = 0; i < kEach; ++i) {
            EXPECT_TRUE(queue.Push(t * kEach + i));
          }
        });
      }
    }
    queue.Close();
  }
  constexpr long kTotal = kThreads * kEach;
  EXPECT_EQ(count, kTotal);
  EXPECT_EQ(sum, kTotal * (kTotal - 1) / 2);
}

TEST(BoundedQueueTest, CarriesWhatOnlyMoves) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  ASSERT_TRUE(queue.Push(std::make_unique<int>(7)));
  const auto dropped = queue.PushDroppingOldest(std::make_unique<int>(8));
  ASSERT_TRUE(dropped);
  EXPECT_EQ(**dropped, 7);
  EXPECT_EQ(**queue.Pop(), 8);
}

TEST(BoundedQueueDeathTest, HasRoomForOneAtLeast) {
  EXPECT_DEATH(BoundedQueue<int>(0), "bug: capacity > 0");
}

TEST(BoundedQueueTest, RoomIsAwaitedAndNotTaken) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.AwaitRoom());
  EXPECT_EQ(queue.size(), 0u);
  ASSERT_TRUE(queue.Push(1));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(queue.AwaitRoom(stop.get_token()));
  std::jthread taking([&] { queue.Pop(); });
  EXPECT_TRUE(queue.AwaitRoom());
  queue.Close();
  EXPECT_FALSE(queue.AwaitRoom());
}

}  // namespace
}  // namespace ocelli
