#include "sqlite/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "core/test_folder.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

constexpr const char* kFirst[] = {"CREATE TABLE t(a INTEGER, b BLOB)"};
constexpr const char* kSecond[] = {kFirst[0], "ALTER TABLE t ADD c TEXT"};

DatabaseOptions Options() {
  DatabaseOptions options;
  options.application_id = 77;
  options.migrations = kFirst;
  options.busy_timeout = std::chrono::milliseconds(20);
  return options;
}

class DatabaseTest : public testing::Test {
 protected:
  std::unique_ptr<Database> MustOpen(const DatabaseOptions& options) {
    auto database = Database::Open(file_, options);
    EXPECT_TRUE(database) << database.error().message;
    return database ? std::move(*database) : nullptr;
  }
  std::unique_ptr<Database> MustOpen() { return MustOpen(Options()); }

  Error OpenError(const DatabaseOptions& options = Options()) {
    auto database = Database::Open(file_, options);
    EXPECT_FALSE(database);
    return database ? Error{} : database.error();
  }

  TestFolder folder_;
  const std::filesystem::path file_ = folder_ / "sub/deeper/test.sqlite";
};

TEST_F(DatabaseTest, KeepsEveryKindOfValue) {
  const auto database = MustOpen();
  const std::string text = "na\xc3\xafve\0x", blob("\0\xff", 2);
  auto added =
      database->Run("INSERT INTO t VALUES(?, ?)",
                    {std::int64_t{-5}, std::as_bytes(std::span(blob))});
  EXPECT_EQ(added.value(), 1);
  EXPECT_EQ(database->last_insert_id(), 1);
  int rows = 0;
  auto read = database->Query("SELECT a, b, ?, ?, ? FROM t",
                              {1.5, std::string_view(text), nullptr},
                              [&](const SqlRow& row) -> Result<> {
                                ++rows;
                                EXPECT_EQ(row.Int(0), -5);
                                EXPECT_EQ(row.Blob(1).size(), 2u);
                                EXPECT_EQ(row.Blob(1)[1], std::byte{0xff});
                                EXPECT_EQ(row.Real(2), 1.5);
                                EXPECT_EQ(row.Text(3), text);
                                EXPECT_EQ(row.Int(4), 0);
                                EXPECT_EQ(row.Text(4), "");
                                return {};
                              });
  EXPECT_TRUE(read);
  EXPECT_EQ(rows, 1);
}

TEST_F(DatabaseTest, AnErrorOfTheCallbackEndsTheQueryAndTheNextOneWorks) {
  const auto database = MustOpen();
  ASSERT_TRUE(database->Run("INSERT INTO t(a) VALUES(1), (2), (3)"));
  for (int round = 0; round < 2; ++round) {
    int rows = 0;
    auto read =
        database->Query("SELECT a FROM t", {}, [&](const SqlRow&) -> Result<> {
          ++rows;
          return Fail(ErrorCode::kCancelled, "enough");
        });
    EXPECT_EQ(read.error().message, "enough");
    EXPECT_EQ(rows, 1);
  }
}

TEST_F(DatabaseTest, FilesAndFoldersAreTheOwnersAlone) {
  const auto database = MustOpen();
  ASSERT_TRUE(database->Run("INSERT INTO t(a) VALUES(1)"));
  struct stat status {};
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    ASSERT_EQ(stat((file_.string() + suffix).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
  ASSERT_EQ(stat(file_.parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(DatabaseTest, ATransactionThatIsNotCommittedLeavesNothing) {
  const auto database = MustOpen();
  {
    auto transaction = Transaction::Begin(*database);
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(database->Run("INSERT INTO t(a) VALUES(1)"));
  }
  EXPECT_EQ(database->QueryInt("SELECT count(*) FROM t").value(), 0);
  auto transaction = Transaction::Begin(*database);
  ASSERT_TRUE(database->Run("INSERT INTO t(a) VALUES(1)"));
  ASSERT_TRUE(transaction->Commit());
  EXPECT_EQ(database->QueryInt("SELECT count(*) FROM t").value(), 1);
}

TEST_F(DatabaseTest, AnOldFileIsBroughtUpToDateAndANewerOneRefused) {
  ASSERT_TRUE(MustOpen()->Run("INSERT INTO t(a) VALUES(1)"));
  DatabaseOptions options = Options();
  options.migrations = kSecond;
  EXPECT_EQ(MustOpen(options)->QueryInt("SELECT count(c IS NULL) FROM t"), 1);
  const Error error = OpenError();
  EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("newer ocelli (format 2, this one"));
}

TEST_F(DatabaseTest, AnotherProgramsFileIsRefusedAndLeftAlone) {
  DatabaseOptions options = Options();
  options.application_id = 78;
  MustOpen(options);
  const std::string before = ReadTestFile(file_);
  const Error error = OpenError();
  EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("another program's database"));
  EXPECT_EQ(ReadTestFile(file_), before);
}

TEST_F(DatabaseTest, ADamagedFileSaysSo) {
  MustOpen();
  for (const std::string& bytes :
       {std::string("this is no database"), std::string(8192, 'x')}) {
    WriteTestFile(file_, bytes);
    const Error error = OpenError();
    EXPECT_EQ(error.code, ErrorCode::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr(file_.string()));
    EXPECT_EQ(ReadTestFile(file_), bytes);
  }
}

TEST_F(DatabaseTest, ATableThatIsMissingIsDamage) {
  const auto database = MustOpen();
  EXPECT_EQ(database->Run("INSERT INTO gone VALUES(1)").error().code,
            ErrorCode::kDataLoss);
}

TEST_F(DatabaseTest, ALockedFileIsUnavailable) {
  const auto one = MustOpen(), other = MustOpen();
  auto transaction = Transaction::Begin(*one);
  auto error = Transaction::Begin(*other).error();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(error.message,
            file_.string() + " is in use by another process; try again");
  ASSERT_TRUE(transaction->Commit());
  EXPECT_TRUE(Transaction::Begin(*other));
}

TEST_F(DatabaseTest, AFileHeldExclusivelyCannotBeOpenedNow) {
  MustOpen();
  sqlite3* holder = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &holder), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(holder, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE",
                   nullptr, nullptr, nullptr),
      SQLITE_OK);
  EXPECT_EQ(OpenError().code, ErrorCode::kUnavailable);
  sqlite3_close(holder);
}

TEST_F(DatabaseTest, AFolderThatCannotBeMadeIsNamed) {
  WriteTestFile(folder_ / "sub", "a file where a folder should be");
  EXPECT_THAT(OpenError().message, HasSubstr("sub/deeper: Not a directory"));
}

TEST_F(DatabaseTest, AFolderInPlaceOfTheFileIsNamed) {
  std::filesystem::create_directories(file_);
  EXPECT_THAT(OpenError().message, HasSubstr("Is a directory"));
}

TEST_F(DatabaseTest, APlaceThatTakesNoFolderIsNamed) {
  auto database = Database::Open("/proc/ocelli/test.sqlite", Options());
  // procfs takes no folder from anyone, root included.
  ASSERT_FALSE(database);
  EXPECT_THAT(database.error().message, HasSubstr("/proc/ocelli"));
}

TEST_F(DatabaseTest, AFullDiskLosesNothing) {
  auto database = MustOpen();
  ASSERT_TRUE(database->Run("INSERT INTO t(a) VALUES(1)"));
  auto pages = database->QueryInt("PRAGMA page_count");
  ASSERT_TRUE(
      database->Run("PRAGMA max_page_count=" + std::to_string(pages.value())));
  const std::string big(100000, 'b');
  auto full = database->Run("INSERT INTO t VALUES(2, ?)",
                            {std::as_bytes(std::span(big))});
  EXPECT_EQ(full.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(full.error().message, "no space left to write " + file_.string());
  database.reset();
  EXPECT_EQ(MustOpen()->QueryInt("SELECT count(*) FROM t").value(), 1);
}

// A limit on the size of files fails the same calls as a full disk.
TEST_F(DatabaseTest, AWriteThatTheSystemRefusesLosesNothing) {
  ASSERT_TRUE(MustOpen()->Run("INSERT INTO t(a) VALUES(1)"));
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{40000, 40000};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto database = Database::Open(file_, Options());
    const std::string big(100000, 'b');
    auto full = (*database)->Run("INSERT INTO t VALUES(2, ?)",
                                 {std::as_bytes(std::span(big))});
    _exit(!full && full.error().code == ErrorCode::kResourceExhausted ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(MustOpen()->QueryInt("SELECT count(*) FROM t").value(), 1);
}

TEST_F(DatabaseTest, TheLogStaysSmallWhereEachProcessWritesLittle) {
  DatabaseOptions options = Options();
  options.checkpoint_on_close = false;
  options.checkpoint_pages = 16;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(MustOpen(options)->Run("INSERT INTO t(a) VALUES(1)"));
  }
  EXPECT_LE(std::filesystem::file_size(file_.string() + "-wal"), 20u * 4200);
  EXPECT_EQ(MustOpen(options)->QueryInt("SELECT count(*) FROM t").value(), 100);
}

TEST_F(DatabaseTest, ManyMayMakeTheSameFileAtOnce) {
  DatabaseOptions options = Options();
  options.busy_timeout = std::chrono::seconds(20);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto database = Database::Open(file_, options);
      ASSERT_TRUE(database) << database.error().message;
      EXPECT_TRUE((*database)->Run("INSERT INTO t(a) VALUES(1)"));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(MustOpen()->QueryInt("SELECT count(*) FROM t").value(), 8);
}

TEST_F(DatabaseTest, SetAsideMovesTheDamagedFileOnce) {
  MustOpen();
  WriteTestFile(file_, "damaged");
  WriteTestFile(file_.string() + "-wal", "log");
  const FileIdentity damaged = IdentityOf(file_);
  ASSERT_TRUE(SetAside(file_, damaged));
  EXPECT_EQ(ReadTestFile(file_.string() + ".damaged-1"), "damaged");
  EXPECT_EQ(ReadTestFile(file_.string() + ".damaged-1-wal"), "log");
  MustOpen();
  ASSERT_TRUE(SetAside(file_, damaged));
  EXPECT_TRUE(std::filesystem::exists(file_));
  ASSERT_TRUE(SetAside(file_, IdentityOf(file_)));
  EXPECT_TRUE(std::filesystem::exists(file_.string() + ".damaged-2"));
}

}  // namespace
}  // namespace ocelli
