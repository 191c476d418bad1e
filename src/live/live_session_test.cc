// Without models; tests/integration has those with.
#include "live/live_session.h"

#include <gmock/gmock.h>

#include "core/test_folder.h"
#include "core/work_scope.h"
#include "media/test_video.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

// Says for whom it is applied.
class AskingEffect final : public Effect {
 public:
  explicit AskingEffect(std::string& client) : client_(client) {}
  Result<> Apply(Frame&, std::vector<TrackedFace>&) override {
    client_ = WorkScope::client();
    return {};
  }

 private:
  std::string& client_;
};

class LiveSessionTest : public testing::Test {
 protected:
  LiveSessionTest() {
    test::WriteTestVideo(folder_ / "short.mp4");
    registry_.Add({.name = "asking",
                   .help = "",
                   .need = [](const auto&) { return EffectNeed::kNothing; },
                   .make = [this](const auto&, const auto&)
                       -> Result<std::unique_ptr<Effect>> {
                     return std::make_unique<AskingEffect>(client_);
                   }});
    options_.source = (folder_ / "short.mp4").string();
    options_.effects = {registry_.Parse("asking").value()};
    options_.client = "camera/door";
  }
  std::unique_ptr<LiveSession> Open() {
    auto opened = LiveSession::Open(options_, ModelStore(folder_ / "no-models"),
                                    nullptr, metrics_, {});
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }

  TestFolder folder_;
  std::string client_;
  EffectRegistry registry_;
  MetricsRegistry metrics_;
  LiveOptions options_;
};

TEST_F(LiveSessionTest, ItsThreadsWorkForItsClient) {
  ASSERT_TRUE(Open()->Run({}));
  EXPECT_EQ(client_, "camera/door");
}

TEST_F(LiveSessionTest, SessionsOfOneRegistryAddUp) {
  const auto other = Open();
  options_.on_frame = [&](const Frame& frame, auto) -> Result<> {
    // While this one has frames under way.
    if (frame.sequence == 5) {
      EXPECT_TRUE(other->Run({}));
    }
    return {};
  };
  ASSERT_TRUE(Open()->Run({}));
  const std::string figures = metrics_.Text();
  EXPECT_THAT(figures, HasSubstr("ocelli_live_frames_out_total 20"));
  for (const char* stage : {"track", "effects", "encode"}) {
    EXPECT_THAT(figures, HasSubstr("ocelli_live_queue_frames{stage=\"" +
                                   std::string(stage) + "\"} 0"));
  }
}

}  // namespace
}  // namespace ocelli
