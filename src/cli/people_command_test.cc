#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "cli/test_command.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// An export with one face a name, of a model that is not ours.
std::string ExportOf(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += R"({"type":"face","version":1,"person":")" + names[i] +
            R"(","model":")" + std::string(64, 'a') + R"(","image":")" +
            std::string(62, 'b') + std::to_string(10 + i) +
            R"(","box":{"x":1.5,"y":2.0,"width":30.0,"height":40.0},)"
            R"("source":"a.jpg","quality":{"size":0.5,"sharpness":0.5,)"
            R"("frontality":0.5,"overall":0.25},"created":1700000000,)"
            R"("descriptor":[0.6,0.8]})"
            "\n";
  }
  return text;
}

class PeopleCommandTest : public testing::Test {
 protected:
  void Enrol(const std::vector<std::string>& names) {
    const auto file = (command_.folder() / "in.jsonl").string();
    WriteTestFile(file, ExportOf(names));
    const auto ran = command_.Run({"people", "import-file", file});
    ASSERT_EQ(ran.exit_code, kExitDone) << ran.err;
  }
  std::string List() { return command_.Run({"people", "list"}).out; }

  TestCommand command_{AddPeopleCommand};
};

TEST_F(PeopleCommandTest, WithNobodyEnrolledListSaysHowToBegin) {
  const auto ran = command_.Run({"people", "list"});
  EXPECT_EQ(ran.exit_code, kExitDone);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("ocelli people add NAME PHOTO"));
  EXPECT_FALSE(std::filesystem::exists(command_.paths().gallery()));
}

TEST_F(PeopleCommandTest, WhatIsImportedIsListedShownAndExportedAlike) {
  Enrol({"A", "B \\\"x\\\""});
  EXPECT_EQ(List(),
            "A: 1 face, 1 of another model: enrol again\n"
            "B \"x\": 1 face, 1 of another model: enrol again\n");
  EXPECT_EQ(command_.Run({"people", "list", "--json"}).out,
            "{\"person\":\"A\",\"faces\":1,\"other_model\":1,\"rejected\":0}\n"
            "{\"person\":\"B \\\"x\\\"\",\"faces\":1,\"other_model\":1,"
            "\"rejected\":0}\n");
  EXPECT_EQ(command_.Run({"people", "show", "A"}).out,
            "face 1: a.jpg, 30x40 at 2,2, quality 0.25, enrolled "
            "2023-11-14T22:13:20Z, of another model: enrol again\n");
  EXPECT_EQ(command_.Run({"people", "export", "-"}).out,
            ExportOf({"A", "B \\\"x\\\""}));
}

TEST_F(PeopleCommandTest, AnExportedFileIsItsOwnersAlone) {
  Enrol({"A"});
  const auto file = (command_.folder() / "out.jsonl").string();
  const auto ran = command_.Run({"people", "export", file});
  EXPECT_EQ(ran.exit_code, kExitDone) << ran.err;
  EXPECT_EQ(ReadTestFile(file), ExportOf({"A"}));
  struct stat status = {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(PeopleCommandTest, RenameMergeAndRemoveDoAsTheySay) {
  Enrol({"A", "B", "C"});
  EXPECT_EQ(command_.Run({"people", "rename", "A", "D"}).out,
            "A is now called D\n");
  EXPECT_EQ(command_.Run({"people", "merge", "D", "B"}).out,
            "D is now part of B\n");
  EXPECT_THAT(List(), HasSubstr("B: 2 faces"));
  EXPECT_EQ(command_.Run({"people", "remove", "C"}).out, "C is removed\n");
  EXPECT_EQ(command_.Run({"people", "remove", "B", "--face", "1"}).out,
            "face 1 of B is removed\n");
  EXPECT_EQ(List(), "B: 1 face, 1 of another model: enrol again\n");
}

TEST_F(PeopleCommandTest, WhatCannotBeDoneIsSaidAndExitsWithOne) {
  Enrol({"A", "B"});
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"show", "a"}, "nobody is called \"a\"; did you mean \"A\"?"},
      {{"rename", "A", "B"}, "there is a person called \"B\" already"},
      {{"merge", "A", "X"}, "nobody is called \"X\""},
      {{"remove", "X"}, "nobody is called \"X\""},
      {{"remove", "A", "--face", "2"}, "A has no face 2"},
      {{"import-file", "/no/such/file"}, "/no/such/file: No such file"},
      {{"export", "/dev/full/x"}, "/dev/full/x"},
      {{"import", "/no/such/folder"}, "/no/such/folder: No such file"},
      {{"import", command_.folder().path().string() + "/"}, "no folders in it"},
      {{"add", "X", "/no/such.jpg"}, "/no/such.jpg: No such file"},
      {{"reject", "A", "/no/such.jpg#2"}, "/no/such.jpg: No such file"},
  };
  for (const auto& [arguments, message] : cases) {
    std::vector<std::string> all = {"people"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto ran = command_.Run(all);
    EXPECT_EQ(ran.exit_code, kExitSomeFailed) << arguments[0];
    EXPECT_THAT(ran.err, HasSubstr(message)) << arguments[0];
    EXPECT_EQ(ran.out, "") << arguments[0];
  }
}

TEST_F(PeopleCommandTest, ABadLineOfAnImportNamesFileAndLine) {
  const auto file = (command_.folder() / "in.jsonl").string();
  WriteTestFile(file, ExportOf({"A"}) + "nonsense\n");
  const auto ran = command_.Run({"people", "import-file", file});
  EXPECT_EQ(ran.exit_code, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr(file + ": line 2: no JSON object"));
  EXPECT_EQ(List(), "");
}

TEST_F(PeopleCommandTest, ADamagedGalleryIsOneLineAndLeftAlone) {
  WriteTestFile(command_.paths().gallery(), "damaged");
  for (const char* verb : {"list", "export"}) {
    std::vector<std::string> arguments = {"people", verb};
    if (arguments[1] == "export") arguments.push_back("-");
    const auto ran = command_.Run(arguments);
    EXPECT_EQ(ran.exit_code, kExitSomeFailed);
    EXPECT_THAT(ran.err, AllOf(HasSubstr("people.sqlite is damaged")));
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  }
  EXPECT_EQ(ReadTestFile(command_.paths().gallery()), "damaged");
}

TEST_F(PeopleCommandTest, WrongUseIsExitTwo) {
  EXPECT_EQ(command_.Run({"people"}).exit_code, kExitUsage);
  EXPECT_EQ(command_.Run({"people", "add", "A"}).exit_code, kExitUsage);
  EXPECT_EQ(command_.Run({"people", "remove", "A", "--face", "0"}).exit_code,
            kExitUsage);
}

TEST_F(PeopleCommandTest, AGalleryMayBeAnotherFile) {
  const auto file = (command_.folder() / "staff.sqlite").string();
  Enrol({"A"});
  const auto copy = (command_.folder() / "in.jsonl").string();
  EXPECT_EQ(
      command_.Run({"people", "import-file", copy, "--gallery", file}).out,
      copy + ": 1 new face\n");
  ASSERT_EQ(command_.Run({"people", "remove", "A"}).exit_code, kExitDone);
  EXPECT_THAT(command_.Run({"people", "list", "--gallery", file}).out,
              HasSubstr("A: 1 face"));
  EXPECT_EQ(List(), "");
}

TEST_F(PeopleCommandTest, APlaceThatIsNoneIsRefused) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--gallery", "http://x"}, "no place for people: http://"},
      {{"--gallery", "redis://"}, "redis"},
      {{"--gallery", "redis://x?gallery=a/b"}, "not \"a/b\""},
      {{"--gallery", "redis://x", "--gallery-name", "a b"}, "not \"a b\""},
      {{"--gallery-name", "staff"}, "needs a --gallery in Redis"}};
  for (const auto& [arguments, message] : cases) {
    std::vector<std::string> all = {"people", "list"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto ran = command_.Run(all);
    EXPECT_EQ(ran.exit_code, kExitUsage) << arguments.back();
    EXPECT_THAT(ran.err, HasSubstr(message));
  }
}

class PeopleCommandRedisTest : public PeopleCommandTest {
 protected:
  TestCommand::Outcome Shared(std::vector<std::string> verb) {
    verb.insert(verb.begin(), "people");
    verb.insert(verb.end(), {"--gallery", server_.url()});
    return command_.Run(verb);
  }

  RedisServer server_;
};

TEST_F(PeopleCommandRedisTest, PeopleMoveThereAndBack) {
  Enrol({"A", "B"});
  const auto file = (command_.folder() / "out.jsonl").string();
  ASSERT_EQ(command_.Run({"people", "export", file}).exit_code, kExitDone);
  EXPECT_THAT(Shared({"list"}).err, HasSubstr("nobody is enrolled yet"));
  EXPECT_EQ(Shared({"import-file", file}).out, file + ": 2 new faces\n");
  EXPECT_EQ(Shared({"rename", "A", "C"}).out, "A is now called C\n");
  EXPECT_EQ(Shared({"remove", "B"}).out, "B is removed\n");
  EXPECT_EQ(Shared({"list"}).out,
            "C: 1 face, 1 of another model: enrol again\n");
  EXPECT_THAT(List(), AllOf(HasSubstr("A: 1 face"), HasSubstr("B: 1 face")));

  ASSERT_EQ(Shared({"export", file}).exit_code, kExitDone);
  EXPECT_EQ(ReadTestFile(file), ExportOf({"C"}));
  ASSERT_EQ(command_.Run({"people", "remove", "A"}).exit_code, kExitDone);
  ASSERT_EQ(command_.Run({"people", "import-file", file}).exit_code, kExitDone);
  EXPECT_THAT(List(), HasSubstr("C: 1 face"));
}

TEST_F(PeopleCommandRedisTest, OneRedisKeepsGalleriesByName) {
  const auto file = (command_.folder() / "in.jsonl").string();
  WriteTestFile(file, ExportOf({"A"}));
  ASSERT_EQ(Shared({"import-file", file, "--gallery-name", "staff"}).exit_code,
            kExitDone);
  EXPECT_EQ(Shared({"list"}).out, "");
  EXPECT_THAT(command_
                  .Run({"people", "list", "--gallery",
                        server_.url() + "?gallery=staff"})
                  .out,
              HasSubstr("A: 1 face"));
}

TEST_F(PeopleCommandRedisTest, WhenNobodyAnswersThatIsAnError) {
  server_.Kill();
  const auto ran = Shared({"list"});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_THAT(ran.err, HasSubstr("reading the gallery default of redis://"));
}

}  // namespace
}  // namespace ocelli
