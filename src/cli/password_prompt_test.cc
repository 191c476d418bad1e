#include "cli/password_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>

#include <chrono>
#include <thread>

#include "cli/test_input.h"
#include "core/file_descriptor.h"
#include "core/test_folder.h"

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::Not;

// A terminal that is standard input, and its other end, where a person sits.
class TestTerminal {
 public:
  TestTerminal()
      : person_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)),
        input_((OCELLI_CHECK(grantpt(person_.number()) == 0 &&
                             unlockpt(person_.number()) == 0),
                open(ptsname(person_.number()), O_RDWR | O_NOCTTY))) {}

  bool Shows() const {
    termios settings{};
    OCELLI_CHECK(tcgetattr(STDIN_FILENO, &settings) == 0);
    return settings.c_lflag & ECHO;
  }

  // From another thread: waits until nothing is shown any more.
  bool TypeHidden(const std::string& text) const {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (Shows()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return write(person_.number(), text.data(), text.size()) ==
           static_cast<ssize_t>(text.size());
  }

  // What the person has seen so far.
  std::string Seen() const {
    std::string seen;
    pollfd ready{person_.number(), POLLIN, 0};
    char buffer[256];
    while (poll(&ready, 1, 0) == 1) {
      const ssize_t size = read(person_.number(), buffer, sizeof(buffer));
      if (size <= 0) break;
      seen.append(buffer, static_cast<std::size_t>(size));
    }
    return seen;
  }

 private:
  const FileDescriptor person_;
  const TestInput input_;
};

struct Answer {
  Result<std::string> password;
  std::string prompts;
};

Answer AskOf(const TestTerminal& terminal, const std::string& typed) {
  bool written = false;
  testing::internal::CaptureStderr();
  std::jthread person([&] { written = terminal.TypeHidden(typed); });
  auto password = AskNewPassword("Ada", {});
  person.join();
  EXPECT_TRUE(written);
  return {std::move(password), testing::internal::GetCapturedStderr()};
}

TEST(PasswordPromptTest, OnATerminalItIsAskedTwiceAndNotShown) {
  const TestTerminal terminal;
  ASSERT_TRUE(terminal.Shows());
  const Answer answer = AskOf(terminal, "correct horse\ncorrect horse\n");
  ASSERT_TRUE(answer.password) << answer.password.error().message;
  EXPECT_EQ(*answer.password, "correct horse");
  EXPECT_EQ(answer.prompts, "New password of Ada: \nOnce more: \n");
  EXPECT_THAT(terminal.Seen(), Not(HasSubstr("horse")));
  EXPECT_TRUE(terminal.Shows());
}

TEST(PasswordPromptTest, TwoThatDifferAreRefusedAndTheTerminalShowsAgain) {
  const TestTerminal terminal;
  const Answer answer = AskOf(terminal, "correct horse\ncorrect house\n");
  ASSERT_FALSE(answer.password);
  EXPECT_EQ(answer.password.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(answer.password.error().message, HasSubstr("differ"));
  EXPECT_TRUE(terminal.Shows());
}

TEST(PasswordPromptTest, AnEmptyOneEndsIt) {
  const TestTerminal terminal;
  const Answer answer = AskOf(terminal, "\n");
  ASSERT_FALSE(answer.password);
  EXPECT_THAT(answer.password.error().message, HasSubstr("no password given"));
  EXPECT_TRUE(terminal.Shows());
}

TEST(PasswordPromptTest, AStopLeavesTheTerminalAsItWas) {
  const TestTerminal terminal;
  std::stop_source stop;
  testing::internal::CaptureStderr();
  std::jthread person([&] {
    EXPECT_TRUE(terminal.TypeHidden("corr"));
    stop.request_stop();
  });
  const auto password = AskNewPassword("Ada", stop.get_token());
  person.join();
  testing::internal::GetCapturedStderr();
  ASSERT_FALSE(password);
  EXPECT_EQ(password.error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(terminal.Shows());
}

TEST(PasswordPromptTest, OfAFileItIsTheFirstLine) {
  const TestFolder folder;
  const auto ask = [&](const std::string& text) {
    WriteTestFile(folder / "in", text);
    const TestInput input(folder / "in");
    return AskNewPassword("Ada", {});
  };
  EXPECT_EQ(ask("correct horse\nand more\n").value(), "correct horse");
  EXPECT_EQ(ask("correct horse").value(), "correct horse");
  EXPECT_EQ(ask("").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask(std::string(1 << 20, 'x')).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ocelli
