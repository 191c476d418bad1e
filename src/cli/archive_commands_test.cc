#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/archive_reader.h"
#include "archive/task.h"
#include "archive/test_archive.h"
#include "cli/archive_lines.h"
#include "cli/archive_setup.h"
#include "cli/test_command.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using State = TaskStatus::State;

class ArchiveCommandsTest : public testing::Test {
 protected:
  ArchiveCommandsTest() {
    auto store = ObjectStore::Open(root_);
    EXPECT_TRUE(store && (*store)->Check());
    store_ = std::move(*store);
    archive_ = std::make_unique<TestArchive>(*store_);
    archive_->AddFrames(6);
    archive_->AddEqual(2);
    archive_->AddDropped();
    archive_->End();
    archive_->StoreManifest();
    settings_.name = "cam1";
    settings_.source = "rtsp://me:secret@cam/1";
    settings_.root = root_;
    settings_.spool = tasks_.FolderOf("cam1") / "spool";
    EXPECT_TRUE(tasks_.Save(settings_));
  }

  void SaveStatus(State state) {
    TaskStatus status;
    status.state = state;
    status.process = 4711;
    status.archive.last = archive_->lines().back();
    status.started = status.updated = TestArchive::TimeOf(9);
    if (state == State::kFailed) status.error = "AccessDenied";
    ASSERT_TRUE(tasks_.SaveStatus("cam1", status));
  }
  // The segment as it is in the spool.
  void StoreLocally(std::uint64_t first_seq) {
    fs::create_directories(settings_.spool);
    const std::string key = ManifestKey(first_seq);
    std::ofstream(settings_.spool / key.substr(key.find('/') + 1),
                  std::ios::binary)
        << TextOf(*store_, key);
  }

  static std::vector<Json> Lines(const std::string& text) {
    std::vector<Json> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      lines.push_back(Json::parse(line, nullptr, false));
      EXPECT_TRUE(lines.back().is_object()) << line;
    }
    return lines;
  }
  static std::vector<std::uint64_t> Seqs(const std::vector<Json>& lines) {
    std::vector<std::uint64_t> seqs;
    for (const Json& line : lines) seqs.push_back(line.value("seq", 999u));
    return seqs;
  }

  const TestCommand tasks_command_{AddArchiveTaskCommands};
  const TestCommand store_command_{AddArchiveStoreCommands};
  const Tasks tasks_{tasks_command_.paths().archives()};
  const std::string root_ =
      "dir:" + (tasks_command_.folder().path() / "frames").string();
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<TestArchive> archive_;
  TaskSettings settings_;
};

TEST_F(ArchiveCommandsTest, ListNamesEachTaskWithoutSecrets) {
  const auto fresh = tasks_command_.Run({"list"});
  EXPECT_EQ(fresh.exit_code, kExitDone);
  EXPECT_NE(fresh.out.find("cam1  new"), std::string::npos) << fresh.out;
  SaveStatus(State::kFinished);
  const auto done = tasks_command_.Run({"--json", "list"});
  const Json task = Lines(done.out).at(0);
  EXPECT_EQ(task["task"], "cam1");
  EXPECT_EQ(task["state"], "finished");
  EXPECT_EQ(task["frames"], 8);
  EXPECT_EQ(task["root"], root_);
  EXPECT_EQ((fresh.out + done.out).find("secret"), std::string::npos);
}

TEST_F(ArchiveCommandsTest, StatusTellsTheHeadAndWhatToDo) {
  SaveStatus(State::kRunning);
  const auto text = tasks_command_.Run({"status", "cam"});
  EXPECT_EQ(text.exit_code, kExitDone);
  EXPECT_NE(text.out.find("cam1: killed"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find(archive_->head().ToHex()), std::string::npos);
  EXPECT_NE(text.out.find("ocelli archive resume cam1"), std::string::npos);
  EXPECT_EQ(text.out.find("secret"), std::string::npos);
  EXPECT_EQ(tasks_command_.Run({"status", "door"}).exit_code, kExitSomeFailed);
}

TEST_F(ArchiveCommandsTest, WaitEndsAsTheTaskDid) {
  SaveStatus(State::kFinished);
  EXPECT_EQ(tasks_command_.Run({"wait", "cam1"}).exit_code, kExitDone);
  EXPECT_EQ(tasks_command_.Run({"wait", "cam1", "--delivered", "8"}).exit_code,
            kExitDone);
  const auto few = tasks_command_.Run({"wait", "cam1", "--delivered", "9"});
  EXPECT_EQ(few.exit_code, kExitSomeFailed);
  EXPECT_NE(few.err.find("after 8 frames, not 9"), std::string::npos);
  SaveStatus(State::kFailed);
  const auto failed = tasks_command_.Run({"wait", "cam1"});
  EXPECT_EQ(failed.exit_code, kExitSomeFailed);
  EXPECT_NE(failed.err.find("AccessDenied"), std::string::npos);
}

TEST_F(ArchiveCommandsTest, WhatDoesNotRunCantBeStopped) {
  const auto stopped = tasks_command_.Run({"stop", "cam1"});
  EXPECT_EQ(stopped.exit_code, kExitSomeFailed);
  EXPECT_NE(stopped.err.find("it does not run"), std::string::npos);
}

TEST_F(ArchiveCommandsTest, ResultsAreTheFramesInOrderWithTheirUrls) {
  for (const std::uint64_t first : {0, 4, 8}) StoreLocally(first);
  const auto results = tasks_command_.Run({"--json", "results", "cam1"});
  ASSERT_EQ(results.exit_code, kExitDone) << results.err;
  const auto lines = Lines(results.out);
  EXPECT_EQ(Seqs(lines), (std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  const Json& second = lines[1];
  EXPECT_EQ(second["run"], 0);
  EXPECT_EQ(second["pts"], 1.0);
  EXPECT_EQ(second["time"], "2024-11-25T13:59:59.000000Z");
  EXPECT_EQ(second["digest"], Sha256(TestArchive::PictureOf(1)).ToHex());
  EXPECT_EQ(second["key"], archive_->KeyOf(1));
  EXPECT_EQ(second["url"], store_->UrlOf(archive_->KeyOf(1)));
  EXPECT_EQ(second["bytes"], TestArchive::PictureOf(1).size());
  EXPECT_EQ(second["width"], 64);
  EXPECT_EQ(second["height"], 48);
  EXPECT_EQ(second["attempts"], 1);
  EXPECT_EQ(lines[6]["key"], archive_->KeyOf(2));
  EXPECT_EQ(lines[7]["dropped"], true);
  EXPECT_FALSE(lines[7].contains("url"));
}

TEST_F(ArchiveCommandsTest, ResultsThatAreNotHereAnyMoreComeFromTheStore) {
  StoreLocally(4);
  StoreLocally(8);
  const auto all = tasks_command_.Run({"--json", "results", "cam1"});
  EXPECT_EQ(Seqs(Lines(all.out)),
            (std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  const auto some =
      tasks_command_.Run({"--json", "results", "cam1", "--from-seq", "2"});
  EXPECT_EQ(Seqs(Lines(some.out)),
            (std::vector<std::uint64_t>{2, 3, 4, 5, 6, 7}));
  // None here: the task was made anew on this machine.
  fs::remove_all(settings_.spool);
  SaveStatus(State::kFinished);
  const auto stored =
      tasks_command_.Run({"--json", "results", "cam1", "--follow"});
  EXPECT_EQ(Lines(stored.out).size(), 8u);
}

TEST_F(ArchiveCommandsTest, ResultsComeInGroups) {
  for (const std::uint64_t first : {0, 4, 8}) StoreLocally(first);
  const auto results = tasks_command_.Run({"results", "cam1", "--group", "3"});
  const auto groups = Lines(results.out);
  ASSERT_EQ(groups.size(), 3u) << results.out << results.err;
  EXPECT_EQ(groups[1]["group"], 1);
  EXPECT_EQ(Seqs(groups[1]["frames"]), (std::vector<std::uint64_t>{3, 4, 5}));
  EXPECT_EQ(Seqs(groups[2]["frames"]), (std::vector<std::uint64_t>{6, 7}));
}

TEST_F(ArchiveCommandsTest, ARemovedTaskLeavesWhatIsStored) {
  const auto removed = tasks_command_.Run({"remove", "cam1"});
  EXPECT_EQ(removed.exit_code, kExitDone) << removed.err;
  EXPECT_FALSE(tasks_.Find("cam1"));
  EXPECT_EQ(store_command_.Run({"verify", root_}).exit_code, kExitDone);
}

TEST_F(ArchiveCommandsTest, VerifyTellsWhatIsNotAsItWas) {
  const auto clean = store_command_.Run({"verify", root_});
  EXPECT_EQ(clean.exit_code, kExitDone) << clean.err;
  EXPECT_NE(clean.out.find("8 frames, 6 objects"), std::string::npos);
  EXPECT_NE(clean.out.find("every frame is as it was archived"),
            std::string::npos);
  PutText(*store_, archive_->KeyOf(3), "picture 999");
  EXPECT_EQ(store_command_.Run({"verify", root_, "--quick"}).exit_code,
            kExitDone);
  const auto found = store_command_.Run({"verify", root_});
  EXPECT_EQ(found.exit_code, kExitSomeFailed);
  EXPECT_NE(found.out.find("changed: " + archive_->KeyOf(3)),
            std::string::npos);
  const auto json = store_command_.Run({"--json", "verify", root_});
  EXPECT_EQ(json.exit_code, kExitSomeFailed);
  const Json report = Lines(json.out).at(0);
  EXPECT_EQ(report["clean"], false);
  EXPECT_EQ(report["frames"], 8);
  EXPECT_EQ(report["findings"][0]["finding"], "changed");
  EXPECT_EQ(report["findings"][0]["where"], archive_->KeyOf(3));
}

TEST_F(ArchiveCommandsTest, VerifyTakesAHead) {
  EXPECT_EQ(
      store_command_.Run({"verify", root_, "--head", archive_->head().ToHex()})
          .exit_code,
      kExitDone);
  EXPECT_EQ(store_command_.Run({"verify", root_, "--head", Sha256("x").ToHex()})
                .exit_code,
            kExitSomeFailed);
  EXPECT_EQ(store_command_.Run({"verify", root_, "--head", "12"}).exit_code,
            kExitUsage);
}

TEST_F(ArchiveCommandsTest, PruneDeletesWhatIsOld) {
  const auto dry =
      store_command_.Run({"prune", root_, "--older-than", "1d", "--dry-run"});
  EXPECT_NE(dry.out.find("would delete 6 objects"), std::string::npos)
      << dry.out << dry.err;
  EXPECT_TRUE(store_->Head(archive_->KeyOf(0)));
  const auto young =
      store_command_.Run({"prune", root_, "--older-than", "36000d"});
  EXPECT_NE(young.out.find("nothing to prune"), std::string::npos);
  const auto json =
      store_command_.Run({"--json", "prune", root_, "--older-than", "1d"});
  EXPECT_EQ(Lines(json.out).at(0)["objects"], 6);
  EXPECT_FALSE(store_->Head(archive_->KeyOf(0)));
  EXPECT_EQ(store_command_.Run({"verify", root_}).exit_code, kExitDone);
  EXPECT_EQ(
      store_command_.Run({"prune", root_, "--older-than", "30"}).exit_code,
      kExitUsage);
}

TEST(ArchiveSetup, ATasksArgumentsSayHowItsStoreIsReached) {
  const auto found =
      StoreArgumentsOf({"--every", "2s", "--endpoint", "http://127.0.0.1:1",
                        "--presign=7d", "--path-style", "--faces"});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->store.endpoint, "http://127.0.0.1:1");
  EXPECT_TRUE(found->store.path_style);
  EXPECT_EQ(found->presign, std::chrono::hours(7 * 24));
  EXPECT_EQ(StoreArgumentsOf({}).value().presign.count(), 0);
  EXPECT_FALSE(StoreArgumentsOf({"--presign", "soon"}));
}

}  // namespace
}  // namespace ocelli
