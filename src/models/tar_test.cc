#include "models/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "models/test_archive.h"
#include "models/test_folder.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::Pair;

using Files = std::map<std::string, std::string>;

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TarReader TakeAll(Files& files) {
  return TarReader([](const std::string&, std::uint64_t) { return true; },
                   [&files](const std::string& name, std::string bytes) {
                     files[name] = std::move(bytes);
                     return Result<>();
                   });
}

Result<Files> ReadAll(std::string_view archive, std::size_t step) {
  Files files;
  TarReader reader = TakeAll(files);
  for (std::size_t i = 0; i < archive.size(); i += step) {
    const auto fed = reader.Feed(Bytes(archive.substr(i, step)));
    if (!fed) return fed.Failure();
  }
  const auto finished = reader.Finish();
  if (!finished) return finished.Failure();
  return files;
}

TEST(Tar, GivesItsFilesHoweverItIsCut) {
  const std::string archive = TarEntry("a/one", "1") + TarEntry("a/empty", "") +
                              TarEntry("a/two", std::string(1024, '2')) +
                              TarEnd();
  for (const std::size_t step : {1u, 7u, 512u, 100'000u}) {
    const auto files = ReadAll(archive, step);
    ASSERT_TRUE(files) << files.error().message;
    EXPECT_THAT(*files, ElementsAre(Pair("a/empty", ""), Pair("a/one", "1"),
                                    Pair("a/two", std::string(1024, '2'))));
  }
}

TEST(Tar, KnowsTheLongNamesOfGnuAndPax) {
  const std::string name(150, 'n');
  const auto files = ReadAll(
      TarEntry("././@LongLink", name + '\0', 'L') + TarEntry("n", "gnu") +
          TarEntry("p", "12 size=300\n164 path=" + name + "/pax\n", 'x') +
          TarEntry("n", "pax") + TarEntry("short", "x"),
      512);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_THAT(*files, ElementsAre(Pair(name, "gnu"), Pair(name + "/pax", "pax"),
                                  Pair("short", "x")));
}

TEST(Tar, PassesOverLinksFoldersAndDevices) {
  std::string archive;
  for (const char type : {'1', '2', '3', '5', '6', 'g'}) {
    archive += TarEntry("x", type == 'g' ? "9 path=y\n" : "", type);
  }
  EXPECT_THAT(*ReadAll(archive + TarEntry("a", "1"), 512),
              ElementsAre(Pair("a", "1")));
}

TEST(Tar, LeavesOutWhatIsNotWanted) {
  Files files;
  TarReader reader([](const std::string& name,
                      std::uint64_t size) { return name == "b" && size == 2; },
                   [&](const std::string& name, std::string bytes) {
                     files[name] = std::move(bytes);
                     return Result<>();
                   });
  ASSERT_TRUE(reader.Feed(Bytes(TarEntry("a", "11") + TarEntry("b", "22"))));
  EXPECT_THAT(files, ElementsAre(Pair("b", "22")));
}

TEST(Tar, DamageIsDataLoss) {
  const std::string good = TarEntry("a", "1");
  std::string changed = good;
  changed[3] = 'x';
  std::string base256 = good;
  base256[124] = '\x80';
  for (const std::string& bytes :
       {good.substr(0, 100), good.substr(0, 512), good.substr(0, 513), changed,
        base256, std::string(512, 'x'),
        TarEntry("x", std::string(100'000, 'x'), 'L')}) {
    const auto files = ReadAll(bytes, 512);
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().code, ErrorCode::kDataLoss);
  }
}

TEST(Tar, SurvivesStrangePaxRecords) {
  for (const std::string record :
       {"", "x", "9", "0 path=a\n", "5 path=a\n", "999999 path=a\n", "2 ",
        "99999999999999999999 path=a\n", "6 path", "3 \n"}) {
    const auto files =
        ReadAll(TarEntry("p", record, 'x') + TarEntry("a", ""), 512);
    EXPECT_TRUE(files) << record;
  }
}

using TarGz = FolderTest;

TEST_F(TarGz, IsInflatedAsItIsRead) {
  // Well packed: one piece of input is many of output, and the last of them
  // comes when the input has ended.
  const std::string big(3'000'000, 'x');
  Write(folder_ / "a.tgz", Gzip(TarEntry("big", big) + TarEnd()));
  Files files;
  TarReader reader = TakeAll(files);
  const auto read = ReadTarGz(folder_ / "a.tgz", reader);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(files["big"], big);
}

TEST_F(TarGz, MayConsistOfSeveral) {
  Write(folder_ / "a.tgz", Gzip(TarEntry("a", "1")) + Gzip(TarEntry("b", "2")));
  Files files;
  TarReader reader = TakeAll(files);
  ASSERT_TRUE(ReadTarGz(folder_ / "a.tgz", reader));
  EXPECT_THAT(files, ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

TEST_F(TarGz, DamageIsDataLoss) {
  const std::string good = Gzip(TarEntry("a", std::string(5000, '1')));
  std::string changed = good;
  changed[good.size() / 2] ^= 1;
  for (const std::string& bytes :
       {std::string(), std::string("text"), good.substr(0, good.size() - 1),
        good.substr(0, 20), changed, good + "x"}) {
    Write(folder_ / "a.tgz", bytes);
    Files files;
    TarReader reader = TakeAll(files);
    const auto read = ReadTarGz(folder_ / "a.tgz", reader);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
  }
}

}  // namespace
}  // namespace ocelli
