#include "index/vector_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/test_folder.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kHeader = 118;  // Bytes of text, as NumPy writes it.

std::string Npy(std::string header, const std::string& data, char version = 1) {
  header.resize(kHeader - (version == 1 ? 0 : 2) - 1, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += version;
  bytes += '\0';
  bytes += static_cast<char>(header.size());
  bytes.append(version == 1 ? 1 : 3, '\0');
  return bytes + header + data;
}

std::string Header(const std::string& type, const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape +
         ", }";
}

template <typename T>
std::string Bytes(std::initializer_list<T> values) {
  std::string bytes;
  for (const T value : values) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

class VectorFilesTest : public testing::Test {
 protected:
  std::vector<float> MustRead(const std::filesystem::path& path) {
    auto file = VectorFile::Open(path);
    EXPECT_TRUE(file) << file.error().message;
    if (!file) return {};
    std::vector<float> vectors(file->rows() *
                               static_cast<std::size_t>(file->dimension()));
    const auto read = file->Read(0, vectors);
    EXPECT_TRUE(read) << read.error().message;
    return vectors;
  }
  Error OpenError(const std::string& bytes, const char* name = "a.npy") {
    WriteTestFile(folder_ / name, bytes);
    auto file = VectorFile::Open(folder_ / name);
    EXPECT_FALSE(file);
    if (file) return {};
    EXPECT_THAT(file.error().message, HasSubstr(name));
    return file.error();
  }

  TestFolder folder_;
};

TEST_F(VectorFilesTest, WhatIsWrittenCanBeRead) {
  for (const char* name : {"a.npy", "a.fvecs"}) {
    auto writer = VectorFileWriter::Create(folder_ / name, 3);
    ASSERT_TRUE(writer) << writer.error().message;
    ASSERT_TRUE(writer->Append(std::vector<float>{1, 2, 3}));
    ASSERT_TRUE(writer->Append(std::vector<float>{-1, 0.5f, 1e30f}));
    EXPECT_FALSE(std::filesystem::exists(folder_ / name));
    ASSERT_TRUE(writer->Finish());
    EXPECT_THAT(MustRead(folder_ / name),
                ElementsAre(1, 2, 3, -1, 0.5f, 1e30f));
    auto file = VectorFile::Open(folder_ / name);
    EXPECT_EQ(file->rows(), 2u);
    EXPECT_EQ(file->dimension(), 3);
    std::vector<float> last(3);
    ASSERT_TRUE(file->Read(1, last));
    EXPECT_THAT(last, ElementsAre(-1, 0.5f, 1e30f));
  }
}

TEST_F(VectorFilesTest, AnUnfinishedFileReplacesNothing) {
  WriteTestFile(folder_ / "a.npy", "old");
  {
    auto writer = VectorFileWriter::Create(folder_ / "a.npy", 1);
    ASSERT_TRUE(writer->Append(std::vector<float>{1}));
  }
  EXPECT_EQ(ReadTestFile(folder_ / "a.npy"), "old");
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(folder_.path()), {}),
      1);
}

TEST_F(VectorFilesTest, ManyRowsComeInOrder) {
  auto writer = VectorFileWriter::Create(folder_ / "a.fvecs", 700);
  std::vector<float> vector(700);
  for (int row = 0; row < 1000; ++row) {
    std::fill(vector.begin(), vector.end(), static_cast<float>(row));
    ASSERT_TRUE(writer->Append(vector));
  }
  ASSERT_TRUE(writer->Finish());
  const auto vectors = MustRead(folder_ / "a.fvecs");
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    ASSERT_EQ(vectors[i], static_cast<float>(i / 700));
  }
}

TEST_F(VectorFilesTest, ReadsEveryKindOfFloat) {
  const auto read = [&](const std::string& bytes) {
    WriteTestFile(folder_ / "a.npy", bytes);
    return MustRead(folder_ / "a.npy");
  };
  const auto singles = Bytes<float>({1, -2});
  for (const char version : {'\1', '\2', '\3'}) {
    EXPECT_THAT(read(Npy(Header("<f4", "(1, 2)"), singles, version)),
                ElementsAre(1, -2));
  }
  EXPECT_THAT(read(Npy(Header("<f4", "(2L, 1L)"), singles)),
              ElementsAre(1, -2));
  EXPECT_THAT(read(Npy(Header("<f4", "(2,)"), singles)), ElementsAre(1, -2));
  EXPECT_THAT(read(Npy("{'fortran_order': True, \"shape\":(1,2),'descr':'<f4'}",
                       singles)),
              ElementsAre(1, -2));
  EXPECT_THAT(
      read(Npy(Header("<f8", "(3, 1)"), Bytes<double>({0.1, -2, 1e300}))),
      ElementsAre(0.1f, -2, std::numeric_limits<float>::infinity()));
  // 1, -2, the smallest, the largest, a subnormal, infinity, zero.
  const auto halves =
      read(Npy(Header("<f2", "(8, 1)"),
               Bytes<std::uint16_t>({0x3c00, 0xc000, 0x0400, 0x7bff, 0x8001,
                                     0x7c00, 0x8000, 0x7e00})));
  ASSERT_EQ(halves.size(), 8u);
  EXPECT_THAT(
      std::vector(halves.begin(), halves.end() - 1),
      ElementsAre(1, -2, std::ldexp(1.0f, -14), 65504, -std::ldexp(1.0f, -24),
                  std::numeric_limits<float>::infinity(), 0));
  EXPECT_TRUE(std::isnan(halves[7]));
}

TEST_F(VectorFilesTest, HostileNpyHeadersAreNamed) {
  const std::string data = Bytes<float>({1, 2});
  const std::pair<std::string, const char*> kCases[] = {
      {"", "not a .npy file"},
      {"\x93NUMPX" + std::string(200, ' '), "not a .npy file"},
      {Npy(Header("<f4", "(1, 2)"), data, 4), ".npy format 4"},
      {Npy(Header("<f4", "(1, 2)"), data).substr(0, 60), "more than there are"},
      {std::string("\x93NUMPY\x02\0\xff\xff\xff\xff{}", 14), "4294967295"},
      {Npy("", data), "broken .npy header at byte"},
      {Npy("{}", data), "without descr"},
      {Npy("{'descr': '<f4'", data), "broken"},
      {Npy("{'descr': [('a', '<f4')], }", data), "broken"},
      {Npy("{'other': 1}", data), "broken .npy header at byte"},
      {Npy(Header(">f4", "(1, 2)"), data), "\">f4\""},
      {Npy(Header("<i4", "(1, 2)"), data), "\"<i4\""},
      {Npy(Header("<f4", "()"), data), "0 dimensions"},
      {Npy(Header("<f4", "(1, 1, 2)"), data), "3 dimensions"},
      {Npy(Header("<f4", "(-1, 2)"), data), "broken"},
      {Npy(Header("<f4", "(99999999999999999999, 2)"), data), "broken"},
      {Npy(Header("<f4", "(1, 0)"), ""), "dimension 0"},
      {Npy(Header("<f4", "(1, 65537)"), data), "dimension 65537"},
      {Npy(Header("<f4", "(4611686018427387904, 4)"), data), "vectors"},
      {Npy(Header("<f4", "(1, 3)"), data), "ends at byte 136 of 140"},
      {Npy(Header("<f4", "(1, 1)"), data), "from byte 132 on"},
      {Npy("{'descr':'<f4','fortran_order':True,'shape':(2,2)}", data + data),
       "ascontiguousarray"}};
  for (const auto& [bytes, message] : kCases) {
    EXPECT_THAT(OpenError(bytes).message, HasSubstr(message));
  }
}

TEST_F(VectorFilesTest, BadFvecsAreNamedByTheirByte) {
  EXPECT_THAT(OpenError("", "a.fvecs").message, HasSubstr("empty"));
  EXPECT_EQ(OpenError("ab", "a.fvecs").code, ErrorCode::kDataLoss);
  for (const std::int32_t dimension : {0, -1, 65537}) {
    EXPECT_THAT(
        OpenError(Bytes<std::int32_t>({dimension, 1}), "a.fvecs").message,
        HasSubstr("dimension " + std::to_string(dimension)));
  }
  EXPECT_THAT(
      OpenError(Bytes<std::int32_t>({2, 0, 0, 2, 0}), "a.fvecs").message,
      HasSubstr("in the middle of the vector at byte 12"));
  WriteTestFile(folder_ / "a.fvecs", Bytes<std::int32_t>({2, 0, 0, 1, 0, 0}));
  auto file = VectorFile::Open(folder_ / "a.fvecs");
  std::vector<float> vectors(4);
  EXPECT_THAT(file->Read(0, vectors).error().message,
              HasSubstr("dimension 1 among those of 2, at byte 12"));
}

TEST_F(VectorFilesTest, AFileThatShrinksMeanwhileSaysSo) {
  WriteTestFile(folder_ / "a.fvecs", Bytes<std::int32_t>({1, 0, 1, 0}));
  auto file = VectorFile::Open(folder_ / "a.fvecs");
  std::filesystem::resize_file(folder_ / "a.fvecs", 10);
  std::vector<float> vectors(2);
  EXPECT_EQ(file->Read(0, vectors).error().code, ErrorCode::kDataLoss);
}

TEST_F(VectorFilesTest, WhatIsNoFileOfVectorsIsRefused) {
  EXPECT_EQ(VectorFile::Open(folder_ / "no.npy").error().code,
            ErrorCode::kNotFound);
  std::filesystem::create_directory(folder_ / "folder.npy");
  EXPECT_FALSE(VectorFile::Open(folder_ / "folder.npy"));
  ASSERT_EQ(mkfifo((folder_ / "fifo.npy").c_str(), 0600), 0);
  EXPECT_EQ(VectorFile::Open(folder_ / "fifo.npy").error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(VectorFile::Open(folder_ / "a.csv").error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(VectorFileWriter::Create(folder_ / "a.csv", 2).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(VectorFilesTest, IvecsGoThereAndBack) {
  const IntTable table{2, 3, {1, 2, 3, -4, 5, 6}};
  ASSERT_TRUE(WriteIvecs(folder_ / "a.ivecs", table));
  const auto read = ReadIvecs(folder_ / "a.ivecs");
  EXPECT_EQ(read->rows, 2u);
  EXPECT_EQ(read->columns, 3u);
  EXPECT_EQ(read->values, table.values);
  const std::pair<std::string, const char*> kCases[] = {
      {"abc", "half a row at byte 0"},
      {Bytes<std::int32_t>({1, 5, 2, 5, 5}), "a row of 2 at byte 8"},
      {Bytes<std::int32_t>({0}), "a row of 0 at byte 0"},
      {Bytes<std::int32_t>({-1}), "a row of -1"},
      {Bytes<std::int32_t>({2147483647, 1}), "half a row at byte 0"}};
  for (const auto& [bytes, message] : kCases) {
    WriteTestFile(folder_ / "a.ivecs", bytes);
    EXPECT_THAT(ReadIvecs(folder_ / "a.ivecs").error().message,
                HasSubstr(message));
  }
}

}  // namespace
}  // namespace ocelli
