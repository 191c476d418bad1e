#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "access/access.h"
#include "cli/test_command.h"
#include "cli/test_input.h"

namespace ocelli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

void AddAccessCommands(CLI::App& app, CommandContext& context) {
  AddKeyCommand(app, context);
  AddUserCommand(app, context);
}

class AccessCommandsTest : public testing::Test {
 protected:
  std::unique_ptr<AccessStore> Store() const {
    return AccessStore::Open(command_.paths().access()).value();
  }
  TestCommand::Outcome RunWithInput(const std::vector<std::string>& arguments,
                                    const std::string& input) {
    WriteTestFile(command_.folder() / "in", input);
    const TestInput standard_input(command_.folder() / "in");
    return command_.Run(arguments);
  }

  TestCommand command_{AddAccessCommands};
};

TEST_F(AccessCommandsTest, WithNoneListSaysHowToBeginAndMakesNoFile) {
  const auto keys = command_.Run({"key", "list"});
  EXPECT_EQ(keys.exit_code, kExitDone);
  EXPECT_EQ(keys.out, "");
  EXPECT_THAT(keys.err, HasSubstr("ocelli key create NAME"));
  EXPECT_THAT(command_.Run({"user", "list"}).err,
              HasSubstr("ocelli user add NAME"));
  EXPECT_FALSE(std::filesystem::exists(command_.paths().access()));
}

TEST_F(AccessCommandsTest, AKeyIsPrintedAloneAndOnlyOnce) {
  const auto made =
      command_.Run({"key", "create", "ci", "--scope", "read,write"});
  EXPECT_EQ(made.exit_code, kExitDone) << made.err;
  ASSERT_EQ(made.out.size(), 72u) << made.out;
  EXPECT_THAT(made.err, AllOf(HasSubstr("key \"ci\", for read,write"),
                              HasSubstr("never shown again")));
  const std::string key = made.out.substr(0, 71);
  const auto caller = Store()->CallerOfKey(key);
  ASSERT_TRUE(caller) << caller.error().message;
  EXPECT_EQ(caller->scopes, Scope::kRead | Scope::kWrite);
  const auto list = command_.Run({"key", "list"});
  EXPECT_THAT(
      list.out,
      AllOf(HasSubstr("ci: " + key.substr(0, 15) + "..., read,write, made 2"),
            HasSubstr(", last used 2"), Not(HasSubstr(key.substr(0, 20)))));
  struct stat status = {};
  ASSERT_EQ(stat(command_.paths().access().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(AccessCommandsTest, KeysAsJson) {
  const auto made = command_.Run({"key", "create", "ci", "--scope", "admin",
                                  "--expires", "90d", "--json"});
  EXPECT_THAT(made.out, MatchesRegex("\\{\"name\":\"ci\",\"id\":\"[a-z2-7]+\","
                                     "\"scopes\":\\[\"admin\"\\],\"expires\":"
                                     "\"2[-0-9T:]+Z\",\"key\":\"ocelli_[a-z2-7]"
                                     "+\"\\}\n"));
  EXPECT_THAT(command_.Run({"key", "list", "--json"}).out,
              AllOf(HasSubstr("\"scopes\":[\"admin\"],\"created\":\"2"),
                    HasSubstr("\"last_used\":null,\"revoked\":null}")));
}

TEST_F(AccessCommandsTest, ARevokedKeyIsListedAsSuch) {
  command_.Run({"key", "create", "ci"});
  EXPECT_EQ(command_.Run({"key", "revoke", "ci"}).out,
            "key \"ci\" is revoked\n");
  EXPECT_THAT(command_.Run({"key", "list"}).out,
              AllOf(HasSubstr(", read, made "), HasSubstr(", revoked 2")));
  const auto again = command_.Run({"key", "revoke", "ci"});
  EXPECT_EQ(again.exit_code, kExitSomeFailed);
  EXPECT_THAT(again.err, HasSubstr("no key is called \"ci\""));
}

TEST_F(AccessCommandsTest, AUserIsAddedListedAndRemoved) {
  const auto added = RunWithInput({"user", "add", "Ada", "--scope", "read"},
                                  "correct horse\n");
  EXPECT_EQ(added.exit_code, kExitDone) << added.err;
  EXPECT_EQ(added.out, "user \"Ada\" is added, for read\n");
  ASSERT_TRUE(Store()->LogIn("Ada", "correct horse", ""));
  EXPECT_THAT(
      command_.Run({"user", "list"}).out,
      AllOf(HasSubstr("Ada: read, added 2"), HasSubstr(", 1 session\n")));
  EXPECT_THAT(command_.Run({"user", "list", "--json"}).out,
              HasSubstr("{\"name\":\"Ada\",\"scopes\":[\"read\"],"));
  EXPECT_EQ(command_.Run({"user", "remove", "Ada"}).out,
            "user \"Ada\" is removed and logged out\n");
  EXPECT_FALSE(Store()->LogIn("Ada", "correct horse", ""));
}

TEST_F(AccessCommandsTest, ANewPasswordLogsEverybodyOutOfARunningService) {
  RunWithInput({"user", "add", "Ada"}, "correct horse\n");
  const auto service = Store();
  const auto session = service->LogIn("Ada", "correct horse", "").value();
  const auto changed =
      RunWithInput({"user", "passwd", "Ada"}, "another horse\n");
  EXPECT_EQ(changed.exit_code, kExitDone) << changed.err;
  EXPECT_FALSE(service->SessionOf(session.token));
  EXPECT_TRUE(service->LogIn("Ada", "another horse", ""));
}

TEST_F(AccessCommandsTest, WhatCannotBeDoneIsSaid) {
  RunWithInput({"user", "add", "Ada"}, "correct horse\n");
  command_.Run({"key", "create", "ci"});
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string message;
  };
  const Case cases[] = {
      {{"key", "create", "CI"}, kExitSomeFailed, "already; revoke it first"},
      {{"key", "create", "a\nb"}, kExitUsage, "control character"},
      {{"key", "create", "b", "--scope", "root"}, kExitUsage, "--scope: no"},
      {{"key", "create", "b", "--expires", "soon"}, kExitUsage, "--expires: "},
      {{"key", "create", "b", "--expires", "0s"}, kExitUsage, "has expired"},
      {{"user", "add", "ada"}, kExitSomeFailed, "already; ocelli user passwd"},
      {{"user", "add", " b"}, kExitUsage, "space at an end"},
      {{"user", "add", "b", "--scope", ""}, kExitUsage, "--scope: no scope"},
      {{"user", "passwd", "Eva"}, kExitSomeFailed, "no user is called"},
      {{"user", "remove", "Eva"}, kExitSomeFailed, "no user is called"},
      {{"user", "add", "b"}, kExitUsage, "at least 10 characters"},
      {{"user", "passwd", "Ada"}, kExitUsage, "at least 10 characters"},
  };
  for (const Case& one : cases) {
    const auto ran = RunWithInput(one.arguments, "short\n");
    EXPECT_EQ(ran.exit_code, one.exit_code) << one.message;
    EXPECT_THAT(ran.err, HasSubstr(one.message));
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  }
  EXPECT_TRUE(Store()->LogIn("Ada", "correct horse", ""));
}

TEST_F(AccessCommandsTest, APasswordIsNeverAnArgument) {
  EXPECT_EQ(RunWithInput({"user", "add", "b", "correct horse"}, "").exit_code,
            kExitUsage);
  EXPECT_EQ(
      RunWithInput({"user", "passwd", "b", "--password", "correct horse"}, "")
          .exit_code,
      kExitUsage);
}

TEST_F(AccessCommandsTest, ADamagedFileIsOneLineAndLeftAlone) {
  WriteTestFile(command_.paths().access(), "damaged");
  for (const char* noun : {"key", "user"}) {
    const auto ran = command_.Run({noun, "list"});
    EXPECT_EQ(ran.exit_code, kExitSomeFailed);
    EXPECT_THAT(ran.err, HasSubstr("access.sqlite is damaged"));
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  }
  EXPECT_EQ(ReadTestFile(command_.paths().access()), "damaged");
}

}  // namespace
}  // namespace ocelli
