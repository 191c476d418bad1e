// collection --index and search: several machines and one Redis, on a model
// that tells colours apart.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/test_command.h"
#include "core/file.h"
#include "embed/test_embedder.h"
#include "index/test_shared_index.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

void AddCommands(CLI::App& app, CommandContext& context) {
  AddCollectionCommand(app, context);
  AddSearchCommand(app, context);
}

class SharedCollectionCommandsRedis : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasRedis8()) GTEST_SKIP() << kNoRedis8;
    ASSERT_TRUE(Redis8().Run({"FLUSHALL"}));
    for (const TestCommand* machine : {&one_, &two_}) {
      InstallTestEmbedder(machine->paths().models(), "colour");
    }
    Paint("red.png", {250, 10, 10});
    Paint("rose.png", {250, 60, 60});
    Paint("green.png", {10, 250, 10});
    Paint("lime.png", {60, 250, 10});
  }

  void Paint(const std::string& name, std::array<std::uint8_t, 3> colour) {
    Image image(16, 16, PixelFormat::kRgb8);
    for (std::size_t i = 0; i < image.size_bytes(); ++i) {
      image.view().data[i] = colour[i % 3];
    }
    std::filesystem::create_directories(photos_);
    ASSERT_TRUE(WriteFileAtomically(photos_ / name, EncodePng(image).value()));
  }

  static json RunJson(const TestCommand& machine,
                      std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const auto ran = machine.Run(std::move(arguments));
    EXPECT_EQ(ran.exit_code, kExitDone) << ran.err;
    return json::parse(ran.out);
  }
  static std::vector<std::string> Ids(const json& found) {
    std::vector<std::string> ids;
    for (const json& hit : found["hits"]) ids.push_back(hit["id"]);
    return ids;
  }
  // The collection c of all photos, on the first machine.
  void Fill(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"collection",  "create", "c",
                                          "--embedder",  "colour", "--index",
                                          Redis8().url()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto made = one_.Run(arguments);
    EXPECT_EQ(made.exit_code, kExitDone) << made.err;
    EXPECT_THAT(made.out, HasSubstr("made c in redis://127.0.0.1"));
    EXPECT_EQ(RunJson(one_, {"collection", "add", "c", photos_})["added"], 4);
  }

  const TestCommand one_{AddCommands};
  const TestCommand two_{AddCommands};
  const std::filesystem::path photos_ = one_.folder().path() / "photos";
};

TEST_F(SharedCollectionCommandsRedis, WhatOneMachineAddsAnotherFinds) {
  Fill();
  EXPECT_THAT(Ids(RunJson(one_, {"search", "c", "--id", "red", "-k", "1"})),
              ElementsAre("rose"));
  const auto unknown = two_.Run({"search", "c", "--id", "red"});
  EXPECT_THAT(unknown.err, HasSubstr("no collection \"c\""));
  const auto attached =
      RunJson(two_, {"collection", "attach", "c", "--index", Redis8().url()});
  EXPECT_EQ(attached["embedder"], "colour");
  EXPECT_THAT(Ids(RunJson(two_, {"search", "c", "--image", photos_ / "lime.png",
                                 "-k", "1"})),
              ElementsAre("green"));
  EXPECT_EQ(RunJson(two_, {"collection", "add", "c", photos_})["unchanged"], 4);
  EXPECT_EQ(RunJson(two_, {"collection", "remove", "c", "rose"})["removed"], 1);
  const json stats = RunJson(one_, {"collection", "stats", "c"});
  EXPECT_EQ(stats["items"], 3);
  EXPECT_EQ(stats["index"], Redis8().url());
  EXPECT_EQ(stats["quantization"], "none");
  EXPECT_EQ(stats["partitions"], 1);
  EXPECT_THAT(
      one_.Run({"collection", "list"}).out,
      HasSubstr("in " + Redis8().url() + ", quantization none, exact search"));
}

TEST_F(SharedCollectionCommandsRedis, TheChosenQuantizationIsKept) {
  Fill({"--quantization", "int8", "--partitions", "2"});
  const json stats = RunJson(one_, {"collection", "stats", "c"});
  EXPECT_EQ(stats["quantization"], "int8");
  EXPECT_EQ(stats["partitions"], 2);
  EXPECT_THAT(Ids(RunJson(one_, {"search", "c", "--id", "red", "-k", "1"})),
              ElementsAre("rose"));
}

TEST_F(SharedCollectionCommandsRedis, RemovingWholeLeavesItToOthers) {
  Fill();
  RunJson(two_, {"collection", "attach", "c", "--index", Redis8().url()});
  const auto here = one_.Run({"collection", "remove", "c", "--whole"});
  EXPECT_EQ(here.exit_code, kExitDone);
  EXPECT_THAT(here.out, AllOf(HasSubstr("removed the collection c here; it is"),
                              HasSubstr("--whole --everywhere")));
  EXPECT_EQ(RunJson(two_, {"collection", "stats", "c"})["items"], 4);
  EXPECT_EQ(one_.Run({"collection", "remove", "c", "--everywhere"}).exit_code,
            kExitUsage);
  const auto everywhere =
      two_.Run({"collection", "remove", "c", "--whole", "--everywhere"});
  EXPECT_THAT(everywhere.out, HasSubstr("removed the collection c everywhere"));
  EXPECT_THAT(two_.Run({"collection", "list"}).out,
              HasSubstr("no collections"));
  EXPECT_EQ(Redis8().Run({"DBSIZE"})->integer, 0);
}

TEST_F(SharedCollectionCommandsRedis, MistakesSayWhatToDo) {
  Fill();
  const auto fails = [&](std::vector<std::string> arguments, int exit_code,
                         const std::string& message) {
    const auto ran = two_.Run(std::move(arguments));
    EXPECT_EQ(ran.exit_code, exit_code);
    EXPECT_THAT(ran.err, HasSubstr(message));
  };
  const std::string url = Redis8().url();
  fails({"collection", "create", "c", "--embedder", "colour", "--index", url},
        kExitSomeFailed, "ocelli collection attach c --index " + url);
  fails({"collection", "attach", "d", "--index", url}, kExitSomeFailed,
        "no collection \"d\" in " + url);
  fails({"collection", "create", "c", "--embedder", "colour", "--index",
         "http://here"},
        kExitUsage, "redis://");
  fails({"collection", "create", "c", "--dimension", "3", "--metric", "l2",
         "--index", url},
        kExitUsage, "cosine only");
  EXPECT_EQ(two_.Run({"collection", "create", "c", "--quantization", "int8"})
                .exit_code,
            kExitUsage);
  EXPECT_THAT(two_.Run({"collection", "list"}).out,
              HasSubstr("no collections"));
}

TEST_F(SharedCollectionCommandsRedis, ThePasswordIsNotKept) {
  RedisServerOptions options = Redis8Options();
  options.password = "sesame";
  const RedisServer locked(options);
  const auto made = one_.Run({"collection", "create", "c", "--embedder",
                              "colour", "--index", locked.url()});
  EXPECT_EQ(made.exit_code, kExitDone);
  EXPECT_THAT(made.err, HasSubstr("OCELLI_REDIS_PASSWORD"));
  EXPECT_THAT(made.out + made.err, Not(HasSubstr("sesame")));
  const auto stats = one_.Run({"collection", "stats", "c"});
  EXPECT_EQ(stats.exit_code, kExitSomeFailed);
  EXPECT_THAT(stats.err, HasSubstr("NOAUTH"));
}

}  // namespace
}  // namespace ocelli
