#include "models/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Process, GivesWhatItPrints) {
  std::string text;
  ProcessOptions options;
  options.output = [&](std::span<const std::byte> bytes) -> Result<> {
    text += Text(bytes);
    return {};
  };
  options.directory = "/";
  ASSERT_TRUE(RunProcess({"sh", "-c", "pwd; echo $0", "a b;c"}, options));
  EXPECT_EQ(text, "/\na b;c\n");
}

TEST(Process, ThatFailsIsQuoted) {
  const auto run =
      RunProcess({"sh", "-c", "echo one >&2; echo two >&2; exit 3"}, {});
  EXPECT_EQ(run.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(run.error().message, "sh failed: two");
  EXPECT_EQ(RunProcess({"sh", "-c", "printf 'W: x\\nE: y\\nz' >&2; exit 1"}, {})
                .error()
                .message,
            "sh failed: E: y");
  EXPECT_EQ(RunProcess({"false"}, {}).error().message, "false failed");
}

TEST(Process, ThatDoesNotExistIsNotFound) {
  const auto run = RunProcess({"ocelli-no-such-program"}, {});
  EXPECT_EQ(run.error().code, ErrorCode::kNotFound);
}

TEST(Process, IsKilledAfterItsTime) {
  ProcessOptions options;
  options.timeout = milliseconds(20);
  const auto run = RunProcess({"sleep", "1000"}, options);
  EXPECT_EQ(run.error().code, ErrorCode::kDeadlineExceeded);
}

TEST(Process, IsKilledWhenStopped) {
  std::stop_source stop;
  ProcessOptions options;
  options.stop = stop.get_token();
  options.output = [&](std::span<const std::byte>) -> Result<> {
    stop.request_stop();
    return {};
  };
  const auto run = RunProcess({"sh", "-c", "echo x; exec sleep 1000"}, options);
  EXPECT_EQ(run.error().code, ErrorCode::kCancelled);
}

TEST(Process, IsKilledByAnErrorOfItsReader) {
  ProcessOptions options;
  options.output = [&](std::span<const std::byte>) -> Result<> {
    return Fail(ErrorCode::kDataLoss, "nonsense");
  };
  const auto run = RunProcess({"yes"}, options);
  EXPECT_EQ(run.error().message, "nonsense");
}

}  // namespace
}  // namespace ocelli
