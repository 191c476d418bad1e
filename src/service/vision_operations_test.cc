#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/paths.h"
#include "embed/test_embedder.h"
#include "media/still_image.h"
#include "net/test_http_server.h"
#include "ocelli/v1/people.pb.h"
#include "ocelli/v1/vision.pb.h"
#include "service/test_service.h"

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::RecognizeRequest Recognize(std::string_view picture) {
  v1::RecognizeRequest request;
  *request.mutable_image() = TestImage(picture);
  return request;
}

std::string RedPng() {
  Image image(16, 16, PixelFormat::kRgb8);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) {
      image.view().Pixel(x, y)[0] = 255;
      image.view().Pixel(x, y)[1] = image.view().Pixel(x, y)[2] = 0;
    }
  }
  const auto png = EncodePng(image).value();
  return {reinterpret_cast<const char*>(png.data()), png.size()};
}

TEST(VisionOperationsTest, AKnownPictureComesWithItsPeople) {
  TestService service;
  service.Know("ada", {TestFace(1)});
  service.Know("both", {TestFace(1, 10), TestFace(2, 300)});
  ASSERT_TRUE(service.gallery->Add("Ada", TestFace(1), Sha256("ada"), "test"));
  const auto answer =
      service.Ask<v1::RecognizeResponse>("Vision.Recognize", Recognize("both"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->cached());
  const v1::Analysis& analysis = answer->analysis();
  EXPECT_EQ(analysis.digest(), Sha256("both").ToHex());
  EXPECT_EQ(analysis.width(), 640u);
  EXPECT_EQ(analysis.height(), 480u);
  ASSERT_EQ(analysis.faces_size(), 2);
  EXPECT_EQ(analysis.faces(0).person().name(), "Ada");
  EXPECT_FLOAT_EQ(analysis.faces(0).person().similarity(), 1);
  EXPECT_EQ(analysis.faces(0).keypoints_size(), 6);
  EXPECT_EQ(analysis.faces(1).box().x(), 300);
  EXPECT_FALSE(analysis.faces(1).has_person());
}

TEST(VisionOperationsTest, MeshAndDescriptorComeOnlyWhereAskedFor) {
  TestService service;
  Face face = TestFace(1);
  face.mesh.assign(478, {1, 2, 3});
  service.Know("ada", {face});
  auto request = Recognize("ada");
  const auto without =
      service.Ask<v1::RecognizeResponse>("Vision.Recognize", request).value();
  EXPECT_EQ(without.analysis().faces(0).mesh_size(), 0);
  EXPECT_EQ(without.analysis().faces(0).face_descriptor_size(), 0);
  request.set_mesh(true);
  request.set_descriptors(true);
  const auto with =
      service.Ask<v1::RecognizeResponse>("Vision.Recognize", request).value();
  EXPECT_EQ(with.analysis().faces(0).mesh_size(), 478);
  EXPECT_EQ(with.analysis().faces(0).face_descriptor_size(), 128);
}

TEST(VisionOperationsTest, ARequestWithoutAPictureSaysSo) {
  TestService service;
  const auto none = service.Ask<v1::RecognizeResponse>("Vision.Recognize",
                                                       v1::RecognizeRequest());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(none.error().message, HasSubstr("image: no picture"));
  EXPECT_EQ(service.CodeOf("Vision.Recognize", Recognize("")),
            ErrorCode::kInvalidArgument);
}

TEST(VisionOperationsTest, WhatIsNoPictureIsRefusedWithoutItsBytes) {
  TestService service;
  const auto answer = service.Ask<v1::RecognizeResponse>(
      "Vision.Recognize", Recognize("SECRET and no picture"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(answer.error().message, Not(HasSubstr("SECRET")));
}

TEST(VisionOperationsTest, ACutOffPictureIsTheCallersMistake) {
  TestService service;
  EXPECT_EQ(
      service.CodeOf("Vision.Recognize", Recognize(RedPng().substr(0, 60))),
      ErrorCode::kInvalidArgument);
}

TEST(VisionOperationsTest, WithoutModelsThePullIsNamed) {
  TestService service;
  const auto answer = service.Ask<v1::RecognizeResponse>("Vision.Recognize",
                                                         Recognize(RedPng()));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(answer.error().message, HasSubstr("ocelli models pull"));
  EXPECT_FALSE(service.service->Warm({}));
  EXPECT_FALSE(service.service->ready());
}

TEST(VisionOperationsTest, APictureOverTheLimitIsRefused) {
  TestService service;
  service.parts.limits.max_bytes = 100;
  service.Open();
  service.Know(std::string(101, 'x'), {});
  EXPECT_EQ(
      service.CodeOf("Vision.Recognize", Recognize(std::string(101, 'x'))),
      ErrorCode::kInvalidArgument);
}

TEST(VisionOperationsTest, PrivateAddressesAndOtherKindsAreRefused) {
  TestService service;
  TestHttpServer server(
      [](const std::string&) { return TestHttpServer::Reply{}; });
  for (const std::string& url :
       {server.Address("/a.jpg"), std::string("s3://bucket/a.jpg"),
        std::string("file:///etc/passwd"), std::string("http://"),
        std::string("http://127.0.0.1:1/a.jpg"),
        "http://" + std::string(10'000'000, 'a')}) {
    v1::RecognizeRequest request;
    request.mutable_image()->set_url(url);
    const auto answer =
        service.Ask<v1::RecognizeResponse>("Vision.Recognize", request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument)
        << answer.error().message;
    EXPECT_LT(answer.error().message.size(), 4096u);
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST(VisionOperationsTest, APictureByAddressIsFetched) {
  TestHttpServer server([](const std::string& request) {
    return TestHttpServer::Reply{request.find("/ada.jpg") != request.npos
                                     ? TestHttpServer::Ok("ada")
                                     : "HTTP/1.1 404 No\r\n\r\n"};
  });
  ReferencedImagesOptions options;
  options.allow_private = true;
  TestService service({}, options);
  service.Know("ada", {TestFace(1)});
  v1::RecognizeRequest request;
  request.mutable_image()->set_url(server.Address("/ada.jpg"));
  const auto answer =
      service.Ask<v1::RecognizeResponse>("Vision.Recognize", request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->analysis().faces_size(), 1);
  // Not our own "not found": the caller's address is wrong.
  request.mutable_image()->set_url(server.Address("/none.jpg"));
  EXPECT_EQ(service.CodeOf("Vision.Recognize", request),
            ErrorCode::kInvalidArgument);
}

v1::VerifyRequest Verify(std::string_view first, std::string_view second) {
  v1::VerifyRequest request;
  *request.mutable_first() = TestImage(first);
  *request.mutable_second() = TestImage(second);
  return request;
}

TEST(VisionOperationsTest, TwoPicturesOfOnePersonAreTheSame) {
  TestService service;
  service.Know("ada", {TestFace(1, 200)});
  service.Know("ada again", {TestFace(1, 210)});
  service.Know("bob", {TestFace(2, 200)});
  service.Know("nobody", {});
  const auto same = service.Ask<v1::VerifyResponse>("Vision.Verify",
                                                    Verify("ada", "ada again"));
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_TRUE(same->same());
  EXPECT_FLOAT_EQ(same->similarity(), 1);
  EXPECT_FLOAT_EQ(same->threshold(), IdentifyOptions{}.threshold);
  EXPECT_EQ(same->second().box().x(), 210);
  EXPECT_EQ(same->first().face_descriptor_size(), 0);
  EXPECT_FALSE(
      service.Ask<v1::VerifyResponse>("Vision.Verify", Verify("ada", "bob"))
          .value()
          .same());
  const auto none =
      service.Ask<v1::VerifyResponse>("Vision.Verify", Verify("ada", "nobody"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(none.error().message, "second: no face");
}

TEST(VisionOperationsTest, AFaceThatCouldNotBeDescribedIsNotCompared) {
  TestService service;
  Face face = TestFace(1);
  face.descriptor.clear();
  service.Know("blurred", {face});
  EXPECT_EQ(service.CodeOf("Vision.Verify", Verify("blurred", "blurred")),
            ErrorCode::kFailedPrecondition);
}

class EmbedTest : public testing::Test {
 protected:
  static std::filesystem::path Install(const TestFolder& folder) {
    InstallTestEmbedder(folder.path(), "colours");
    return folder.path();
  }

  const TestFolder models_;
  TestService service_{Install(models_)};
};

TEST_F(EmbedTest, APictureHasAVectorThatIsKept) {
  v1::EmbedRequest request;
  request.set_model("colours");
  *request.mutable_image() = TestImage(RedPng());
  const auto first = service_.Ask<v1::EmbedResponse>("Vision.Embed", request);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->model(), "colours");
  EXPECT_EQ(first->digest(), Sha256(RedPng()).ToHex());
  EXPECT_FALSE(first->cached());
  ASSERT_EQ(first->values_size(), 3);
  EXPECT_NEAR(first->values(0), 1, 1e-5);
  EXPECT_TRUE(service_.Ask<v1::EmbedResponse>("Vision.Embed", request)
                  .value()
                  .cached());
}

TEST_F(EmbedTest, WhatCannotBeEmbeddedIsRefused) {
  v1::EmbedRequest request;
  request.set_model("colours");
  EXPECT_EQ(service_.CodeOf("Vision.Embed", request),
            ErrorCode::kInvalidArgument);
  request.set_text("red");
  EXPECT_EQ(service_.CodeOf("Vision.Embed", request),
            ErrorCode::kInvalidArgument);  // It reads no texts.
  *request.mutable_image() = TestImage(RedPng());
  EXPECT_EQ(service_.CodeOf("Vision.Embed", request),
            ErrorCode::kInvalidArgument);  // Both.
  request.clear_text();
  request.set_model("resnet1000");
  EXPECT_EQ(service_.CodeOf("Vision.Embed", request), ErrorCode::kNotFound);
  request.set_model("sface");
  EXPECT_EQ(service_.CodeOf("Vision.Embed", request),
            ErrorCode::kInvalidArgument);
  request.set_model("resnet50");
  EXPECT_EQ(service_.CodeOf("Vision.Embed", request),
            ErrorCode::kFailedPrecondition);
}

TEST_F(EmbedTest, InstalledModelsAreListed) {
  const auto answer = service_.Ask<v1::ListModelsResponse>(
      "Vision.ListModels", v1::ListModelsRequest());
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->models_size(), 1);
  EXPECT_EQ(answer->models(0).name(), "colours");
  EXPECT_EQ(answer->models(0).task(), "image-embedding");
  EXPECT_EQ(answer->models(0).licence(), "MIT");
  EXPECT_EQ(answer->models(0).dimension(), 3);
  EXPECT_FALSE(answer->models(0).reads_text());
}

TEST(VisionOperationsTest, ATextIsEmbeddedByTheModelOfTexts) {
  const TestFolder models;
  InstallTestTextTower(models.path(), "colour-words");
  WriteTestEmbedderCard(models.path(), "colours", "licence = \"MIT\"",
                        "licence = \"MIT\"\ntext = \"colour-words\"");
  const ModelStore store(models.path());
  ASSERT_TRUE(store.Pull(store.Find("colours").value(), {}));
  TestService service(models.path());
  v1::EmbedRequest request;
  request.set_model("colours");
  request.set_text("red");
  const auto answer = service.Ask<v1::EmbedResponse>("Vision.Embed", request);
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->values_size(), 3);
  EXPECT_NEAR(answer->values(0), 1, 1e-5);
  EXPECT_TRUE(answer->digest().empty());
  request.set_text(std::string(1 << 20, 'a'));
  EXPECT_EQ(service.CodeOf("Vision.Embed", request),
            ErrorCode::kInvalidArgument);
  const auto list = service.Ask<v1::ListModelsResponse>(
      "Vision.ListModels", v1::ListModelsRequest());
  ASSERT_TRUE(list);
  for (const auto& model : list->models()) {
    EXPECT_EQ(model.reads_text(), model.name() == "colours") << model.name();
  }
}

// With the installed models and the photos of the demo.
class InstalledModelsTest : public testing::Test {
 protected:
  static Paths Installed() {
    const char* root = std::getenv("OCELLI_DATA");
    return root ? FindPaths(root) : FindPaths(std::nullopt);
  }
  void SetUp() override {
    const auto warm = service_.service->Warm({});
    ASSERT_TRUE(warm) << warm.error().message << "; run ./dev test";
  }
  std::string Photo(const char* name) {
    std::string bytes = ReadTestFile(Installed().demo() / "album" / name);
    EXPECT_FALSE(bytes.empty()) << name << " is missing; run ./dev test";
    return bytes;
  }
  int Unknown() {
    return service_
        .Ask<v1::ListUnknownResponse>("People.ListUnknown",
                                      v1::ListUnknownRequest())
        .value()
        .people_size();
  }

  TestService service_{Installed().models()};
};

TEST_F(InstalledModelsTest, APictureIsRecognisedOnce) {
  EXPECT_TRUE(service_.service->ready());
  const auto first = service_.Ask<v1::RecognizeResponse>("Vision.Recognize",
                                                         Recognize(RedPng()));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->cached());
  EXPECT_EQ(first->analysis().faces_size(), 0);
  EXPECT_EQ(first->analysis().width(), 16u);
  EXPECT_TRUE(
      service_
          .Ask<v1::RecognizeResponse>("Vision.Recognize", Recognize(RedPng()))
          .value()
          .cached());
}

TEST_F(InstalledModelsTest, WhoIsSeenAndNotKnownIsRememberedUntilNamed) {
  const auto seen = service_.Ask<v1::RecognizeResponse>(
      "Vision.Recognize", Recognize(Photo("jesper.jpg")));
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_EQ(seen->analysis().faces_size(), 1);
  EXPECT_FALSE(seen->analysis().faces(0).has_person());
  EXPECT_EQ(Unknown(), 1);
  v1::AddFaceRequest add;
  add.set_name("Jesper");
  *add.mutable_image() = TestImage(Photo("jesper.jpg"));
  const auto added = service_.Ask<v1::EnrolledFace>("People.AddFace", add);
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_TRUE(added->has_picture());
  EXPECT_EQ(Unknown(), 0);
  EXPECT_EQ(service_
                .Ask<v1::RecognizeResponse>("Vision.Recognize",
                                            Recognize(Photo("jesper_2.jpg")))
                .value()
                .analysis()
                .faces(0)
                .person()
                .name(),
            "Jesper");
}

}  // namespace
}  // namespace ocelli
