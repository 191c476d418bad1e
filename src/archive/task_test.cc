#include "archive/task.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "archive/manifest_log.h"
#include "archive/task_files.h"
#include "archive/test_archive.h"
#include "archive/test_spool.h"
#include "core/file.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using State = TaskStatus::State;

class TasksTest : public testing::Test {
 protected:
  static fs::path MakeFolder() {
    std::string name = testing::TempDir() + "ocelli-tasks-XXXXXX";
    return mkdtemp(name.data());
  }
  ~TasksTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  TaskSettings Settings(const std::string& name) const {
    TaskSettings settings;
    settings.name = name;
    settings.source = "rtsp://user:secret@cam/\"1\"\n";
    settings.root = "s3://bucket/" + name;
    settings.spool = folder_ / "tasks" / name / "spool";
    settings.arguments = {"--fps", "10", "--note", "\"}{", "Größe\\", ""};
    settings.created = TestArchive::TimeOf(7) + std::chrono::microseconds(42);
    return settings;
  }

  Task Saved(const std::string& name) const {
    EXPECT_TRUE(tasks_.Save(Settings(name)));
    const auto task = tasks_.Find(name);
    EXPECT_TRUE(task) << task.error().message;
    return task ? *task : Task{};
  }

  // A spool with so many frames, of which the first `delivered` have lines.
  void FillSpool(const fs::path& path, int frames, int delivered) const {
    const auto files = OpenSpoolFolder(path);
    ASSERT_TRUE(files) << files.error().message;
    const auto spool = Spool::Open(**files, {}, std::nullopt);
    ASSERT_TRUE(spool) << spool.error().message;
    const auto log = ManifestLog::Open(**files, std::nullopt);
    ASSERT_TRUE(log) << log.error().message;
    for (int i = 0; i < frames; ++i) {
      const TestFrame frame =
          MakeTestFrame(static_cast<std::uint64_t>(i), 1000);
      ASSERT_TRUE((*spool)->Append(frame.record, frame.picture));
      if (i >= delivered) continue;
      ManifestLine line;
      line.frame = frame.record;
      line.key = FrameKey(frame.record);
      ASSERT_TRUE((*log)->Append(std::span(&line, 1)));
    }
    ASSERT_TRUE((*spool)->Sync());
  }

  static void Write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static unsigned ModeOf(const fs::path& path) {
    struct stat status = {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }

  const fs::path folder_ = MakeFolder();
  const Tasks tasks_{folder_ / "tasks"};
};

TEST_F(TasksTest, AreReadAsTheyWereSaved) {
  const Task task = Saved("cam1");
  const TaskSettings saved = Settings("cam1");
  EXPECT_EQ(task.settings.name, "cam1");
  EXPECT_EQ(task.settings.source, saved.source);
  EXPECT_EQ(task.settings.root, saved.root);
  EXPECT_EQ(task.settings.spool, saved.spool);
  EXPECT_EQ(task.settings.arguments, saved.arguments);
  EXPECT_EQ(task.settings.created, saved.created);
  EXPECT_FALSE(task.status);
  EXPECT_FALSE(task.running);
}

TEST_F(TasksTest, AreForTheirOwnerOnly) {
  Saved("cam1");
  ASSERT_TRUE(tasks_.SaveStatus("cam1", {}));
  EXPECT_EQ(ModeOf(tasks_.FolderOf("cam1")), 0700u);
  EXPECT_EQ(ModeOf(tasks_.FolderOf("cam1") / "task.json"), 0600u);
  EXPECT_EQ(ModeOf(tasks_.FolderOf("cam1") / "status.json"), 0600u);
}

TEST_F(TasksTest, AStatusIsReadAsItWasSaved) {
  Saved("cam1");
  const auto store = MakeMemoryObjectStore();
  TestArchive archive(*store);
  archive.AddFrames(3);
  TaskStatus status;
  status.state = State::kFailed;
  status.process = 4711;
  status.error = "AccessDenied: \"no\"\n";
  status.started = TestArchive::TimeOf(1);
  status.updated = TestArchive::TimeOf(2);
  ArchiveStatus& counts = status.archive;
  counts.taken = 1;
  counts.delivered = 2;
  counts.stored = 3;
  counts.bytes = 4;
  counts.duplicates = 5;
  counts.dropped = 6;
  counts.retries = 7;
  counts.waiting = 8;
  counts.in_flight = 9;
  counts.parallel = 10;
  counts.spool_bytes = 11;
  counts.next_seq = 12;
  counts.last = archive.lines().back();
  counts.trouble = "503 SlowDown";
  counts.trouble_since = TestArchive::TimeOf(3);
  ASSERT_TRUE(tasks_.SaveStatus("cam1", status));
  const auto task = tasks_.Find("cam1");
  ASSERT_TRUE(task && task->status);
  const TaskStatus& read = *task->status;
  EXPECT_EQ(read.state, State::kFailed);
  EXPECT_EQ(read.process, 4711);
  EXPECT_EQ(read.error, status.error);
  EXPECT_EQ(read.started, status.started);
  EXPECT_EQ(read.updated, status.updated);
  EXPECT_EQ(read.archive.taken, 1u);
  EXPECT_EQ(read.archive.delivered, 2u);
  EXPECT_EQ(read.archive.stored, 3u);
  EXPECT_EQ(read.archive.bytes, 4u);
  EXPECT_EQ(read.archive.duplicates, 5u);
  EXPECT_EQ(read.archive.dropped, 6u);
  EXPECT_EQ(read.archive.retries, 7u);
  EXPECT_EQ(read.archive.waiting, 8u);
  EXPECT_EQ(read.archive.in_flight, 9);
  EXPECT_EQ(read.archive.parallel, 10);
  EXPECT_EQ(read.archive.spool_bytes, 11u);
  EXPECT_EQ(read.archive.next_seq, 12u);
  EXPECT_EQ(read.archive.last, archive.lines().back());
  EXPECT_EQ(read.archive.trouble, "503 SlowDown");
  EXPECT_EQ(read.archive.trouble_since, TestArchive::TimeOf(3));
}

TEST_F(TasksTest, AreFoundByTheBeginningOfTheirName) {
  Saved("cam1-aa");
  Saved("cam1-bb");
  Saved("door");
  EXPECT_EQ(tasks_.Find("d").value().settings.name, "door");
  EXPECT_EQ(tasks_.Find("cam1-b").value().settings.name, "cam1-bb");
  const auto which = tasks_.Find("cam");
  ASSERT_FALSE(which);
  EXPECT_EQ(which.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(which.error().message.find("cam1-aa, cam1-bb"), std::string::npos);
  for (const char* name : {"", "garden", "../tasks/door", "/", "."}) {
    const auto none = tasks_.Find(name);
    ASSERT_FALSE(none) << name;
    EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
    EXPECT_NE(none.error().message.find("cam1-aa, cam1-bb, door"),
              std::string::npos);
  }
}

TEST_F(TasksTest, AreListedByNameWithoutBrokenOnes) {
  EXPECT_TRUE(tasks_.List().value().empty());
  Saved("b");
  Saved("a");
  Saved("broken");
  Write(tasks_.FolderOf("broken") / "task.json", "{\"source\":1}");
  fs::create_directories(tasks_.FolderOf("empty"));
  fs::create_directories(tasks_.FolderOf(".hidden"));
  const auto tasks = tasks_.List();
  ASSERT_TRUE(tasks);
  ASSERT_EQ(tasks->size(), 2u);
  EXPECT_EQ((*tasks)[0].settings.name, "a");
  EXPECT_EQ((*tasks)[1].settings.name, "b");
  EXPECT_EQ(tasks_.Find("broken").error().code, ErrorCode::kDataLoss);
}

TEST_F(TasksTest, ABrokenStatusIsAsNone) {
  Saved("cam1");
  for (const char* text :
       {"", "[", "[]", "{\"state\":\"dancing\"}", "{\"state\":7}",
        "{\"taken\":-1}", "{\"parallel\":99999999999}", "{\"last\":\"{}\"}",
        "{\"updated\":\"yesterday\"}", "{\"error\":{}}"}) {
    Write(tasks_.FolderOf("cam1") / "status.json", text);
    const auto task = tasks_.Find("cam1");
    ASSERT_TRUE(task) << text;
    EXPECT_FALSE(task->status) << text;
  }
  Write(tasks_.FolderOf("cam1") / "status.json", "{\"later\":[1]}");
  EXPECT_TRUE(tasks_.Find("cam1").value().status);
}

TEST_F(TasksTest, CutSettingsAreToldAndNeverCrash) {
  const std::string text = FormatTaskSettings(Settings("cam1")).value();
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    const auto settings = ParseTaskSettings(text.substr(0, size));
    ASSERT_FALSE(settings) << size;
    EXPECT_EQ(settings.error().code, ErrorCode::kDataLoss);
  }
}

TEST_F(TasksTest, ANameLeadsNowhereElse) {
  for (const char* name : {"", ".", "..", "../x", "a/b", "/x", "a b", "ä"}) {
    const auto saved = tasks_.Save(Settings(name));
    ASSERT_FALSE(saved) << name;
    EXPECT_EQ(saved.error().code, ErrorCode::kInvalidArgument);
    EXPECT_FALSE(tasks_.SaveStatus(name, {}));
  }
  TaskSettings binary = Settings("cam1");
  binary.arguments.push_back("\xff");
  EXPECT_EQ(tasks_.Save(binary).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(TasksTest, ANameStaysWithItsRoot) {
  Saved("cam1");
  TaskSettings settings = Settings("cam1");
  settings.source = "another.mp4";
  EXPECT_TRUE(tasks_.Save(settings));
  settings.root = "s3://bucket/other";
  EXPECT_EQ(tasks_.Save(settings).error().code, ErrorCode::kAlreadyExists);
}

TEST_F(TasksTest, NamesAreForPeopleAndOfTheirRoot) {
  const auto begin = [](const std::string& root) {
    const std::string name = TaskNameFor(root);
    return name.substr(0, name.size() - 4);
  };
  EXPECT_EQ(begin("s3://bucket/cam1"), "cam1-");
  EXPECT_EQ(begin("s3://bucket"), "bucket-");
  EXPECT_EQ(begin("dir:/srv/my frames/"), "my-frames-");
  EXPECT_EQ(begin("dir:frames"), "frames-");
  EXPECT_EQ(begin("dir:/srv/übung..1"), "--bung--1-");
  EXPECT_EQ(begin("dir:/"), "archive-");
  EXPECT_NE(TaskNameFor("s3://a/cam1"), TaskNameFor("s3://b/cam1"));
  for (const char* root : {"s3://bucket/cam1", "dir:/", "", "dir:/a/../.."}) {
    EXPECT_TRUE(tasks_.Save(Settings(TaskNameFor(root)))) << root;
  }
}

TEST_F(TasksTest, RunWhileTheirSpoolIsHeld) {
  const Task task = Saved("cam1");
  {
    const auto spool = OpenSpoolFolder(task.settings.spool);
    ASSERT_TRUE(spool);
    EXPECT_TRUE(tasks_.Find("cam1").value().running);
    EXPECT_TRUE(tasks_.List().value().front().running);
    EXPECT_EQ(tasks_.Remove(task, true).error().code,
              ErrorCode::kFailedPrecondition);
  }
  EXPECT_FALSE(tasks_.Find("cam1").value().running);
}

TEST_F(TasksTest, AreStoppedByTheSignalOfCtrlC) {
  const Task task = Saved("cam1");
  EXPECT_EQ(tasks_.RequestStop(task).error().code,
            ErrorCode::kFailedPrecondition);
  const auto spool = OpenSpoolFolder(task.settings.spool);
  ASSERT_TRUE(spool);
  // This process holds it.
  sigset_t signals, before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  EXPECT_TRUE(tasks_.RequestStop(task));
  const timespec soon = {10, 0};
  EXPECT_EQ(sigtimedwait(&signals, nullptr, &soon), SIGTERM);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(TasksTest, AreRemovedWithTheirSpool) {
  const Task task = Saved("cam1");
  FillSpool(task.settings.spool, 3, 3);
  TaskStatus status;
  status.state = State::kFinished;
  ASSERT_TRUE(tasks_.SaveStatus("cam1", status));
  const auto removed = tasks_.Remove(tasks_.Find("cam1").value(), false);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(fs::exists(tasks_.FolderOf("cam1")));
  EXPECT_EQ(tasks_.Find("cam1").error().code, ErrorCode::kNotFound);
}

TEST_F(TasksTest, WithoutASpoolAreRemoved) {
  EXPECT_TRUE(tasks_.Remove(Saved("cam1"), false));
  EXPECT_FALSE(fs::exists(tasks_.FolderOf("cam1")));
}

TEST_F(TasksTest, AreKeptWhileFramesWait) {
  const Task task = Saved("cam1");
  FillSpool(task.settings.spool, 5, 3);
  const auto refused = tasks_.Remove(task, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find("2 frames wait"), std::string::npos)
      << refused.error().message;
  EXPECT_TRUE(tasks_.Remove(task, true));
  EXPECT_FALSE(fs::exists(tasks_.FolderOf("cam1")));
}

TEST_F(TasksTest, AreKeptWhereLinesMayNotBeStored) {
  const Task task = Saved("cam1");
  FillSpool(task.settings.spool, 3, 3);
  ASSERT_TRUE(tasks_.SaveStatus("cam1", {}));  // Killed: running for ever.
  EXPECT_EQ(tasks_.Remove(tasks_.Find("cam1").value(), false).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST_F(TasksTest, LeaveOtherFilesInASharedFolder) {
  TaskSettings settings = Settings("cam1");
  settings.spool = folder_ / "shared";
  ASSERT_TRUE(tasks_.Save(settings));
  FillSpool(settings.spool, 3, 3);
  Write(settings.spool / "diary.txt", "dear diary");
  Write(settings.spool / "notes.jsonl", "{}");
  ASSERT_TRUE(tasks_.Remove(tasks_.Find("cam1").value(), true));
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(settings.spool)) {
    left.push_back(entry.path().filename().string());
  }
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left, (std::vector<std::string>{"diary.txt", "notes.jsonl"}));
}

}  // namespace
}  // namespace ocelli
