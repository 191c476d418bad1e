#include "models/model_store.h"

#include <gmock/gmock.h>
#include <onnx/onnx.pb.h>
#include <sys/resource.h>

#include <csignal>
#include <thread>

#include "core/digest.h"
#include "models/test_folder.h"
#include "net/test_http_server.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// The smallest model: its output is its input.
std::string TinyOnnx() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(16);
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("tiny");
  for (auto* value : {graph.add_input(), graph.add_output()}) {
    auto& type = *value->mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_value(1);
  }
  graph.mutable_input(0)->set_name("data");
  graph.mutable_output(0)->set_name("out");
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("Relu");
  node.add_input("data");
  node.add_output("out");
  return model.SerializeAsString();
}

class ModelStoreTest : public FolderTest {
 protected:
  ModelStoreTest() { Write(source_, model_); }

  // A card of the user's, for the tiny model.
  void WriteCard(const std::string& name, const std::string& more = {}) {
    Write(models_ / "cards" / (name + ".toml"),
          "name = \"" + name +
              "\"\n"
              "task = \"test\"\n"
              "family = \"test\"\n"
              "description = \"For tests\"\n"
              "licence = \"MIT\"\n"
              "source = \"file:" +
              source_.string() +
              "\"\n"
              "sha256 = \"" +
              Sha256(model_).ToHex() +
              "\"\n"
              "size = " +
              std::to_string(model_.size()) +
              "\n"
              "format = \"onnx\"\n"
              "outputs = [\"out\"]\n" +
              more +
              "[input]\n"
              "name = \"data\"\n"
              "layout = \"NCHW\"\n"
              "order = \"RGB\"\n"
              "width = 1\n"
              "height = 1\n"
              "mean = 0\n"
              "scale = 1\n");
  }
  ModelCard Card(const ModelStore& store) const {
    return store.Find("tiny").value();
  }

  const std::string model_ = TinyOnnx();
  const fs::path source_ = folder_ / "tiny.onnx";
  const fs::path models_ = folder_ / "models";
  const fs::path installed_ = models_ / "tiny" / "model.onnx";
};

TEST_F(ModelStoreTest, HasTheBuiltinCardsAndMakesNothingByBeingAsked) {
  const ModelStore store(models_);
  EXPECT_TRUE(store.Find("sface"));
  EXPECT_TRUE(store.bad_cards().empty());
  EXPECT_FALSE(fs::exists(models_));
}

TEST_F(ModelStoreTest, AnUnknownNameGetsTheKnownOnes) {
  const auto error = ModelStore(models_).Find("resnet").error();
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_THAT(error.message, HasSubstr("'resnet'"));
  EXPECT_THAT(error.message, HasSubstr("blazeface-full, blazeface-short"));
}

TEST_F(ModelStoreTest, AUsersCardStandsBeforeABuiltinOne) {
  WriteCard("sface");
  const ModelStore store(models_);
  EXPECT_EQ(store.Find("sface")->description, "For tests");
  EXPECT_EQ(store.cards().size(), ModelStore(folder_ / "none").cards().size());
}

TEST_F(ModelStoreTest, ABadCardSpoilsNoOther) {
  WriteCard("tiny");
  Write(models_ / "cards" / "bad.toml", "name = 7");
  Write(models_ / "cards" / "notes.txt", "not a card");
  const ModelStore store(models_);
  EXPECT_TRUE(store.Find("tiny"));
  ASSERT_EQ(store.bad_cards().size(), 1);
  EXPECT_THAT(store.bad_cards()[0].message, HasSubstr("bad.toml: name"));
  EXPECT_THAT(store.Find("bad").error().message, HasSubstr("bad.toml: name"));
}

TEST_F(ModelStoreTest, PullInstallsAndVerifyAgrees) {
  WriteCard("tiny");
  const ModelStore store(models_);
  EXPECT_EQ(store.PathOf(Card(store)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store.PathOf(Card(store)).error().message,
            "model tiny is not installed: ocelli models pull tiny");
  const auto pulled = store.Pull(Card(store), {});
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(store.PathOf(Card(store)).value(), installed_);
  EXPECT_TRUE(store.Verify(Card(store)));
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(Read(installed_)));
}

TEST_F(ModelStoreTest, WhatIsInstalledIsPulledAgainOnlyByForce) {
  WriteCard("tiny");
  const ModelStore store(models_);
  ASSERT_TRUE(store.Pull(Card(store), {}));
  fs::remove(source_);
  EXPECT_TRUE(store.Pull(Card(store), {}));
  PullOptions force;
  force.force = true;
  EXPECT_FALSE(store.Pull(Card(store), force));
  EXPECT_TRUE(store.Verify(Card(store)));
}

TEST_F(ModelStoreTest, ANonCommercialModelNeedsAWord) {
  WriteCard("tiny", "non_commercial = true\n");
  const ModelStore store(models_);
  const auto error = store.Pull(Card(store), {}).error();
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.message, HasSubstr("pull tiny --accept-licence"));
  EXPECT_FALSE(fs::exists(installed_));
  PullOptions options;
  options.accept_licence = true;
  EXPECT_TRUE(store.Pull(Card(store), options));
}

TEST_F(ModelStoreTest, AHalfModelIsNoModel) {
  WriteCard("tiny");
  const ModelStore store(models_);
  ASSERT_TRUE(store.Pull(Card(store), {}));
  fs::resize_file(installed_, 10);
  EXPECT_EQ(store.PathOf(Card(store)).error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(store.PathOf(Card(store)).error().message,
              HasSubstr("damaged: ocelli models pull tiny"));
  EXPECT_TRUE(store.Pull(Card(store), {}));
  EXPECT_TRUE(store.Verify(Card(store)));
  fs::remove(installed_);
  EXPECT_FALSE(store.PathOf(Card(store)));
}

TEST_F(ModelStoreTest, VerifySeesAChangedByte) {
  WriteCard("tiny");
  const ModelStore store(models_);
  ASSERT_TRUE(store.Pull(Card(store), {}));
  std::string bytes = Read(installed_);
  bytes[bytes.size() / 2] ^= 1;
  Write(installed_, bytes);
  EXPECT_TRUE(store.PathOf(Card(store)));
  const auto error = store.Verify(Card(store)).error();
  EXPECT_EQ(error.code, ErrorCode::kDataLoss);
  EXPECT_THAT(error.message, HasSubstr("ocelli models pull tiny --force"));
}

TEST_F(ModelStoreTest, AnotherVersionOfTheCardIsNotInstalled) {
  WriteCard("tiny");
  const ModelStore store(models_);
  ASSERT_TRUE(store.Pull(Card(store), {}));
  ModelCard newer = Card(store);
  newer.sha256[0] = newer.sha256[0] == '0' ? '1' : '0';
  EXPECT_THAT(store.PathOf(newer).error().message,
              HasSubstr("another version: ocelli models pull tiny"));
  ModelCard tuned = Card(store);
  tuned.parameters["score_threshold"] = 0.7;
  EXPECT_TRUE(store.PathOf(tuned));
}

TEST_F(ModelStoreTest, ADamagedReceiptIsNone) {
  WriteCard("tiny");
  const ModelStore store(models_);
  for (const std::string text : {"", "origin", "size x", "\xff\xff"}) {
    ASSERT_TRUE(store.Pull(Card(store), {}));
    Write(models_ / "tiny" / "receipt.txt", text);
    EXPECT_FALSE(store.PathOf(Card(store))) << text;
  }
}

TEST_F(ModelStoreTest, WhatIsNoModelIsNotInstalled) {
  WriteCard("tiny");
  const ModelStore store(models_);
  ModelCard card = Card(store);
  Write(source_, "This is no ONNX.");
  card.sha256 = Sha256("This is no ONNX.").ToHex();
  card.size = 16;
  const auto error = store.Pull(card, {}).error();
  EXPECT_EQ(error.code, ErrorCode::kDataLoss);
  EXPECT_THAT(error.message, HasSubstr("installing tiny"));
  EXPECT_FALSE(fs::exists(models_ / "tiny"));
}

TEST_F(ModelStoreTest, ACardMustNameWhatTheModelHas) {
  WriteCard("tiny");
  const ModelStore store(models_);
  ModelCard card = Card(store);
  card.outputs = {"out", "mask"};
  EXPECT_THAT(store.Pull(card, {}).error().message,
              HasSubstr("the output 'mask', the model has out"));
  card = Card(store);
  card.input.name = "image";
  EXPECT_THAT(store.Pull(card, {}).error().message,
              HasSubstr("the input 'image', the model has data"));
  EXPECT_FALSE(fs::exists(models_ / "tiny"));
}

TEST_F(ModelStoreTest, AFullDiskIsNamedAndNothingHalfIsLeft) {
  WriteCard("tiny");
  const ModelStore store(models_);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{5, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const auto pulled = store.Pull(Card(store), {});
  setrlimit(RLIMIT_FSIZE, &old);
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(fs::is_empty(models_ / "tiny"));
}

TEST_F(ModelStoreTest, AFolderThatCannotBeWrittenIsNamed) {
  WriteCard("tiny");
  const ModelStore store(models_);
  Write(models_ / "tiny", "a file where the folder should be");
  EXPECT_THAT(store.Pull(Card(store), {}).error().message,
              HasSubstr("models/tiny"));
}

TEST_F(ModelStoreTest, PullsAtTheSameTimeShareOneDownload) {
  const TestHttpServer server([&](const std::string&) {
    return TestHttpServer::Reply{TestHttpServer::Ok(model_)};
  });
  WriteCard("tiny");
  const ModelStore store(models_);
  ModelCard card = Card(store);
  card.source = server.Address("/tiny.onnx");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto pulled = ModelStore(models_).Pull(card, {});
        EXPECT_TRUE(pulled) << pulled.error().message;
      });
    }
  }
  EXPECT_TRUE(store.Verify(card));
  EXPECT_EQ(server.requests().size(), 1);
  store.RemoveDownloads();
  EXPECT_FALSE(fs::exists(models_ / "downloads"));
}

TEST_F(ModelStoreTest, AnUnfinishedDownloadIsKeptForTheNextTime) {
  Write(models_ / "downloads" / "a.part", "x");
  Write(models_ / "downloads" / "b.tgz", "x");
  ModelStore(models_).RemoveDownloads();
  EXPECT_TRUE(fs::exists(models_ / "downloads" / "a.part"));
  EXPECT_FALSE(fs::exists(models_ / "downloads" / "b.tgz"));
}

TEST_F(ModelStoreTest, WhatAModelNeedsIsInstalledWithIt) {
  WriteCard("tiny", "needs = [\"other\"]\n");
  EXPECT_THAT(
      ModelStore(models_).Pull(Card(ModelStore(models_)), {}).error().message,
      HasSubstr("no model is called 'other'"));
  // A circle does no harm.
  WriteCard("other", "needs = [\"tiny\"]\n");
  const ModelStore store(models_);
  EXPECT_FALSE(store.IsInstalled(Card(store)));
  const auto pulled = store.Pull(Card(store), {});
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_TRUE(store.PathOf(store.Find("other").value()));
  EXPECT_TRUE(store.IsInstalled(Card(store)));
  fs::remove_all(models_ / "other");
  EXPECT_FALSE(store.IsInstalled(Card(store)));
}

}  // namespace
}  // namespace ocelli
