#include "media/repeating_source.h"

#include <gmock/gmock.h>

#include "core/test_folder.h"
#include "media/test_video.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

class RepeatingSourceTest : public testing::Test {
 protected:
  RepeatingSourceTest() {
    test::TestVideo video;
    video.frames = 3;
    test::WriteTestVideo(path_, video);
  }

  TestFolder folder_;
  const std::string path_ = (folder_.path() / "short.mp4").string();
};

TEST_F(RepeatingSourceTest, GoesOnInTimeAndNumbers) {
  VideoSourceOptions options;
  options.repeat = true;
  auto source = VideoSource::Open(path_, options);
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_FALSE((*source)->info().duration);
  for (int i = 0; i < 10; ++i) {
    auto next = (*source)->Next({});
    ASSERT_TRUE(next) << next.error().message;
    ASSERT_TRUE(*next);
    EXPECT_EQ((*next)->frame.sequence, static_cast<std::uint64_t>(i));
    EXPECT_EQ((*next)->frame.time, milliseconds(40) * i);
  }
  EXPECT_EQ((*source)->counters().frames, 10u);
}

TEST_F(RepeatingSourceTest, AFileThatIsGoneIsAnError) {
  VideoSourceOptions options;
  options.repeat = true;
  auto source = VideoSource::Open(path_, options);
  ASSERT_TRUE(source) << source.error().message;
  std::filesystem::remove(path_);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE((*source)->Next({}));
  const auto next = (*source)->Next({});
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kNotFound);
}

// Gives nothing.
class EmptySource final : public VideoSource {
 public:
  const VideoInfo& info() const override { return info_; }
  Result<std::optional<SourceFrame>> Next(std::stop_token) override {
    return std::nullopt;
  }
  std::vector<SoundPacket> TakeSound() override { return {}; }
  SourceCounters counters() const override { return {}; }

 private:
  VideoInfo info_;
};

TEST(RepeatingSource, OneWithoutFramesEnds) {
  const auto source = MakeRepeatingSource(
      std::make_unique<EmptySource>(),
      [](const std::stop_token&) -> Result<std::unique_ptr<VideoSource>> {
        return std::make_unique<EmptySource>();
      });
  const auto next = source->Next({});
  ASSERT_TRUE(next);
  EXPECT_FALSE(*next);
}

}  // namespace
}  // namespace ocelli
