#include "core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(LogTest, TextIsForPeople) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, "recognised",
                          {{"file", "a b.jpg"}, {"faces", 3}, {"ms", 2.5}}),
            R"(recognised file="a b.jpg" faces=3 ms=2.5)");
}

TEST(LogTest, JsonIsMembersOfAnObject) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, "recognised",
                          {{"file", "a b.jpg"}, {"faces", 3}, {"ms", 2.5}}),
            R"("message":"recognised","file":"a b.jpg","faces":3,"ms":2.5)");
}

TEST(LogTest, AHostileFileNameStaysInOneLine) {
  const std::string name = "a\"b\\c\nd\x01\x1b[31m";
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, "x", {{"f", name}}),
            R"("message":"x","f":"a\"b\\c\u000ad\u0001\u001b[31m")");
  EXPECT_EQ(FormatLogLine(LogFormat::kText, "x", {{"f", name}}),
            R"(x f="a\"b\\c\u000ad\u0001\u001b[31m")");
}

// The log goes to standard error, which the tests read back.
class LogOutputTest : public ::testing::Test {
 protected:
  ~LogOutputTest() override { ConfigureLog({}); }

  static std::string Written(const LogOptions& options, LogLevel level) {
    ConfigureLog(options);
    ::testing::internal::CaptureStderr();
    Log(level, "cache opened", {{"entries", 12}});
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogOutputTest, TextLine) {
  EXPECT_THAT(Written({}, LogLevel::kWarning),
              MatchesRegex("[0-9-]+T[0-9:.+-]+ warning "
                           "cache opened entries=12\n"));
}

TEST_F(LogOutputTest, JsonLine) {
  EXPECT_THAT(Written({.format = LogFormat::kJson}, LogLevel::kError),
              MatchesRegex(R"(\{"@timestamp":"[^"]+Z","log.level":"error",)"
                           R"("ecs.version":"8.11.0","service.name":"ocelli",)"
                           R"("message":"cache opened","entries":12\}.)"));
}

TEST_F(LogOutputTest, BelowTheLevelNothingIsWritten) {
  EXPECT_EQ(Written({}, LogLevel::kDebug), "");
  EXPECT_EQ(Written({.level = LogLevel::kError}, LogLevel::kWarning), "");
  EXPECT_EQ(Written({.level = LogLevel::kOff}, LogLevel::kError), "");
  EXPECT_THAT(Written({.level = LogLevel::kDebug}, LogLevel::kDebug),
              HasSubstr("cache opened"));
}

}  // namespace
}  // namespace ocelli
