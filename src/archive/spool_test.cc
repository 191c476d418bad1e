#include "archive/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "archive/test_file_system.h"
#include "archive/test_spool.h"
#include "core/digest.h"

namespace ocelli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr SpoolOptions kSmall{.max_bytes = 1 << 20, .segment_bytes = 4000};

std::unique_ptr<Spool> OpenSpool(
    FileSystem& files, const SpoolOptions& options = kSmall,
    std::optional<std::uint64_t> released_through = std::nullopt) {
  auto spool = Spool::Open(files, options, released_through);
  EXPECT_TRUE(spool) << spool.error().message;
  return spool ? *std::move(spool) : nullptr;
}

// Frames with so many bytes each, counting from the spool's next.
void AppendFrames(Spool& spool, int count, std::size_t bytes = 1000) {
  for (int i = 0; i < count; ++i) {
    const TestFrame frame = MakeTestFrame(spool.next_seq(), bytes);
    const auto appended = spool.Append(frame.record, frame.picture);
    ASSERT_TRUE(appended) << appended.error().message;
  }
  ASSERT_TRUE(spool.Sync());
}

// What Next() gives until there is nothing: "3", "4 dropped", "5 damaged"; and
// its records and bodies are those of MakeTestFrame().
std::vector<std::string> GiveAll(Spool& spool, std::size_t bytes = 1000) {
  std::vector<std::string> given;
  for (;;) {
    auto frame = spool.Next();
    EXPECT_TRUE(frame) << frame.error().message;
    if (!frame || !*frame) return given;
    const std::uint64_t seq = (*frame)->record.seq;
    std::string text = std::to_string(seq);
    if (!(*frame)->damage.empty()) {
      text += " damaged";
    } else {
      EXPECT_EQ((*frame)->record, MakeTestFrame(seq, bytes).record);
      if ((*frame)->dropped) text += " dropped";
    }
    if (!(*frame)->dropped) {
      EXPECT_EQ(ReadAll((*frame)->body), MakeTestFrame(seq, bytes).picture);
    }
    given.push_back(text);
  }
}

TEST(SpoolTest, GivesFramesInOrderOnceTheyAreSynced) {
  TestFileSystem files;
  const auto spool = OpenSpool(files);
  const TestFrame frame = MakeTestFrame(0, 1000);
  ASSERT_TRUE(spool->Append(frame.record, frame.picture));
  EXPECT_THAT(GiveAll(*spool), IsEmpty());
  ASSERT_TRUE(spool->Sync());
  EXPECT_THAT(GiveAll(*spool), ElementsAre("0"));
  AppendFrames(*spool, 9);
  EXPECT_EQ(spool->waiting(), 9u);
  EXPECT_THAT(GiveAll(*spool),
              ElementsAre("1", "2", "3", "4", "5", "6", "7", "8", "9"));
  EXPECT_EQ(spool->waiting(), 0u);
  EXPECT_EQ(spool->next_seq(), 10u);
}

}  // namespace
}  // namespace ocelli
