#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "embed/test_embedder.h"
#include "media/still_image.h"
#include "ocelli/v1/collections.pb.h"
#include "service/test_service.h"

namespace ocelli {
namespace {

using google::protobuf::Empty;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string Png(std::uint8_t red, std::uint8_t green, std::uint8_t blue,
                int side = 16) {
  Image image(side, side, PixelFormat::kRgb8);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      std::uint8_t* const pixel = image.view().Pixel(x, y);
      pixel[0] = red;
      pixel[1] = green;
      pixel[2] = blue;
    }
  }
  const auto png = EncodePng(image).value();
  return {reinterpret_cast<const char*>(png.data()), png.size()};
}

class CollectionOperationsTest : public testing::Test {
 protected:
  CollectionOperationsTest() {
    service_.parts.default_embedder = "colours";
    service_.Open();
  }

  static std::filesystem::path Install(const TestFolder& folder) {
    InstallTestEmbedder(folder.path(), "colours");
    return folder.path();
  }

  Result<v1::CollectionSummary> Create(const std::string& name,
                                       const std::string& model = "") {
    v1::CreateCollectionRequest request;
    request.set_name(name);
    request.set_model(model);
    return service_.Ask<v1::CollectionSummary>("Collections.CreateCollection",
                                               request);
  }
  static v1::PutItemRequest Item(const std::string& id,
                                 const std::string& picture) {
    v1::PutItemRequest request;
    request.set_name("flags");
    request.set_id(id);
    *request.mutable_image() = TestImage(picture);
    return request;
  }
  Result<v1::CollectionItem> Put(const v1::PutItemRequest& request) {
    return service_.Ask<v1::CollectionItem>("Collections.PutItem", request);
  }
  // Three flags.
  void Fill() {
    ASSERT_TRUE(Create("flags"));
    auto red = Item("red", Png(255, 0, 0));
    (*red.mutable_metadata())["continent"] = "Europe";
    ASSERT_TRUE(Put(red));
    ASSERT_TRUE(Put(Item("orange", Png(255, 100, 0))));
    ASSERT_TRUE(Put(Item("blue", Png(0, 0, 255))));
  }
  static v1::SearchRequest Query() {
    v1::SearchRequest request;
    request.set_name("flags");
    return request;
  }
  Result<v1::SearchResponse> Search(const v1::SearchRequest& request) {
    return service_.Ask<v1::SearchResponse>("Collections.Search", request);
  }
  std::vector<std::string> Ids(const v1::SearchRequest& request) {
    std::vector<std::string> ids;
    const auto found = Search(request);
    EXPECT_TRUE(found) << found.error().message;
    if (!found) return ids;
    for (const auto& hit : found->hits()) ids.push_back(hit.item().id());
    return ids;
  }
  Result<v1::Picture> Picture(const std::string& id, int max_side = 0) {
    v1::GetItemPictureRequest request;
    request.set_name("flags");
    request.set_id(id);
    request.set_max_side(max_side);
    return service_.Ask<v1::Picture>("Collections.GetItemPicture", request);
  }
  static int SideOf(const v1::Picture& picture) {
    return ReadJpegSize(std::as_bytes(std::span(picture.data())))
        .value_or(ImageSize())
        .width;
  }
  // An item as the command line adds it: of a file.
  void PutFile(const std::string& id, const std::filesystem::path& file,
               const std::string& bytes) {
    WriteTestFile(file, bytes);
    const auto collection =
        Collection::Open(service_.parts.collections, "flags").value();
    Entry entry;
    entry.item = {id, Sha256(bytes), file.string(), {}};
    entry.vector = {1, 0, 0};
    ASSERT_TRUE(collection->Put(std::span(&entry, 1)));
  }

  const TestFolder models_;
  TestService service_{Install(models_)};
};

TEST_F(CollectionOperationsTest, CollectionsAreMadeListedAndRemoved) {
  const auto made = Create("flags");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->name(), "flags");
  EXPECT_EQ(made->model(), "colours");
  EXPECT_EQ(made->dimension(), 3);
  EXPECT_EQ(made->items(), 0u);
  EXPECT_FALSE(made->reads_text());
  EXPECT_EQ(Create("flags").error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(Create("more", "resnet1000").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Create("more", "resnet50").error().code,
            ErrorCode::kFailedPrecondition);
  for (const char* name : {"", "..", "a/b", "/etc", ".x", "a b"}) {
    EXPECT_EQ(Create(name).error().code, ErrorCode::kInvalidArgument) << name;
  }
  const auto list = service_.Ask<v1::ListCollectionsResponse>(
      "Collections.ListCollections", v1::ListCollectionsRequest());
  ASSERT_EQ(list.value().collections_size(), 1);
  EXPECT_EQ(list->collections(0).name(), "flags");
  v1::RemoveCollectionRequest remove;
  remove.set_name("flags");
  ASSERT_TRUE(service_.Ask<Empty>("Collections.RemoveCollection", remove));
  EXPECT_EQ(service_.CodeOf("Collections.RemoveCollection", remove),
            ErrorCode::kNotFound);
  v1::GetCollectionRequest get;
  get.set_name("flags");
  EXPECT_EQ(service_.CodeOf("Collections.GetCollection", get),
            ErrorCode::kNotFound);
  EXPECT_EQ(
      service_.access.store->Audit(Caller::Owner(), 0, 10)->front().action,
      "remove");
}

TEST_F(CollectionOperationsTest, OneThatCannotBeUsedHidesNoOther) {
  ASSERT_TRUE(Create("flags"));
  std::filesystem::create_directories(service_.parts.collections / "broken");
  WriteTestFile(service_.parts.collections / "broken/collection.sqlite",
                "no database");
  const auto list = service_.Ask<v1::ListCollectionsResponse>(
      "Collections.ListCollections", v1::ListCollectionsRequest());
  ASSERT_EQ(list.value().collections_size(), 2);
  EXPECT_FALSE(list->collections(0).error().empty());
  EXPECT_TRUE(list->collections(1).error().empty());
}

TEST_F(CollectionOperationsTest, APictureFindsWhatLooksAlike) {
  Fill();
  auto request = Query();
  *request.mutable_image() = TestImage(Png(255, 0, 0));
  const auto found = Search(request);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->model(), "colours");
  EXPECT_TRUE(found->cached());
  ASSERT_EQ(found->hits_size(), 3);
  EXPECT_EQ(found->hits(0).item().id(), "red");
  EXPECT_TRUE(found->hits(0).identical());
  EXPECT_NEAR(found->hits(0).similarity(), 1, 1e-5);
  EXPECT_EQ(found->hits(0).item().metadata().at("continent"), "Europe");
  EXPECT_TRUE(found->hits(0).item().has_picture());
  EXPECT_EQ(found->hits(1).item().id(), "orange");
  EXPECT_FALSE(found->hits(1).identical());
}

TEST_F(CollectionOperationsTest, AnItemAVectorAndConditionsFindToo) {
  Fill();
  auto request = Query();
  request.set_id("red");
  EXPECT_THAT(Ids(request), ElementsAre("orange", "blue"));
  request.set_k(1);
  EXPECT_THAT(Ids(request), ElementsAre("orange"));
  request = Query();
  for (const float value : {0.f, 0.f, 2.f}) request.add_vector(value);
  request.set_exact(true);
  EXPECT_EQ(Ids(request).front(), "blue");
  request.add_where("continent=Europe");
  EXPECT_THAT(Ids(request), ElementsAre("red"));
}

TEST_F(CollectionOperationsTest, SenselessSearchesAreRefused) {
  Fill();
  EXPECT_EQ(Search(Query()).error().code, ErrorCode::kInvalidArgument);
  auto request = Query();
  request.set_id("red");
  request.set_text("red");
  EXPECT_EQ(Search(request).error().code, ErrorCode::kInvalidArgument);
  request.clear_text();
  for (const int k : {-1, 1001, std::numeric_limits<int>::max()}) {
    request.set_k(k);
    EXPECT_EQ(Search(request).error().code, ErrorCode::kInvalidArgument);
  }
  request.set_k(0);
  request.set_id("green");
  EXPECT_EQ(Search(request).error().code, ErrorCode::kNotFound);
  request.set_id("red");
  request.add_where("no condition");
  EXPECT_EQ(Search(request).error().code, ErrorCode::kInvalidArgument);
  request.set_where(0, "a=" + std::string(1'000'000, 'b'));
  EXPECT_EQ(Search(request).error().code, ErrorCode::kInvalidArgument);
  request.clear_where();
  for (int i = 0; i < 100'000; ++i) request.add_where("a=b");
  EXPECT_EQ(Search(request).error().code, ErrorCode::kInvalidArgument);
  request = Query();
  request.set_text("red");
  EXPECT_EQ(Search(request).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(CollectionOperationsTest, SenselessVectorsAreRefused) {
  Fill();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  for (const std::vector<float>& vector : {std::vector<float>{kNan, 0, 0},
                                           {kInfinite, 0, 0},
                                           {0, 0, 0},
                                           {1, 0},
                                           std::vector<float>(1'000'000, 1)}) {
    auto request = Query();
    request.mutable_vector()->Assign(vector.begin(), vector.end());
    EXPECT_EQ(Search(request).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST_F(CollectionOperationsTest, AnItemIsReplacedAndRemoved) {
  Fill();
  ASSERT_TRUE(Put(Item("red", Png(254, 0, 0))));
  auto request = Query();
  *request.mutable_image() = TestImage(Png(255, 0, 0));
  EXPECT_FALSE(Search(request)->hits(0).identical());
  v1::RemoveItemRequest remove;
  remove.set_name("flags");
  remove.set_id("red");
  ASSERT_TRUE(service_.Ask<Empty>("Collections.RemoveItem", remove));
  EXPECT_EQ(service_.CodeOf("Collections.RemoveItem", remove),
            ErrorCode::kNotFound);
  EXPECT_EQ(Ids(request).front(), "orange");
  EXPECT_EQ(Picture("red").error().code, ErrorCode::kNotFound);
}

TEST_F(CollectionOperationsTest, SenselessItemsAreRefused) {
  Fill();
  EXPECT_EQ(Put(Item("", Png(1, 2, 3))).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Put(Item(std::string(10'000'000, 'a'), Png(1, 2, 3))).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Put(Item("a", "no picture")).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Put(Item("a", "")).error().code, ErrorCode::kInvalidArgument);
  auto request = Item("a", Png(1, 2, 3));
  (*request.mutable_metadata())["k"] = std::string(1'000'000, 'v');
  EXPECT_EQ(Put(request).error().code, ErrorCode::kInvalidArgument);
  request.clear_metadata();
  for (int i = 0; i < 1000; ++i) {
    (*request.mutable_metadata())[std::to_string(i)] = "v";
  }
  EXPECT_EQ(Put(request).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(CollectionOperationsTest, ACollectionOfVectorsTakesNoPictures) {
  ASSERT_TRUE(Collection::Create(
      service_.parts.collections,
      {.name = "flags", .embedder = {}, .fingerprint = {}, .dimension = 3}));
  EXPECT_EQ(Put(Item("a", Png(1, 2, 3))).error().code,
            ErrorCode::kFailedPrecondition);
  auto request = Query();
  *request.mutable_image() = TestImage(Png(255, 0, 0));
  EXPECT_EQ(Search(request).error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(CollectionOperationsTest, AnItemShowsASmallPicture) {
  ASSERT_TRUE(Create("flags"));
  const auto put = Put(Item("large", Png(255, 0, 0, 1000)));
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_TRUE(put->has_picture());
  const auto picture = Picture("large");
  ASSERT_TRUE(picture) << picture.error().message;
  EXPECT_EQ(picture->content_type(), "image/jpeg");
  EXPECT_EQ(SideOf(*picture), 320);
  EXPECT_EQ(picture->etag(), Sha256(Png(255, 0, 0, 1000)).ToHex() + "-320");
  EXPECT_EQ(SideOf(*Picture("large", 40)), 40);
  EXPECT_NE(Picture("large", 40)->etag(), picture->etag());
  EXPECT_EQ(Picture("large", -1).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Picture("none").error().code, ErrorCode::kNotFound);
}

TEST_F(CollectionOperationsTest, AFileIsShownOnlyAsAPictureAndAsItWasAdded) {
  ASSERT_TRUE(Create("flags"));
  const auto file = service_.folder / "flag.png";
  PutFile("file", file, Png(255, 0, 0, 400));
  const auto picture = Picture("file", 1000);
  ASSERT_TRUE(picture) << picture.error().message;
  EXPECT_NE(picture->data(), Png(255, 0, 0, 400));
  EXPECT_EQ(SideOf(*picture), 400);
  WriteTestFile(file, Png(0, 255, 0, 400));  // Another one since.
  EXPECT_EQ(Picture("file").error().code, ErrorCode::kNotFound);
  PutFile("text", service_.folder / "secrets.txt", "SECRET");
  const auto text = Picture("text");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(text.error().message, Not(HasSubstr("secrets.txt")));
  EXPECT_THAT(text.error().message, Not(HasSubstr("SECRET")));
}

TEST_F(CollectionOperationsTest, WhatOthersRemoveOrMakeAnewIsNoticed) {
  Fill();
  auto request = Query();
  request.set_id("red");
  ASSERT_TRUE(Search(request));
  ASSERT_TRUE(RemoveCollection(service_.parts.collections, "flags"));
  EXPECT_EQ(Search(request).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(Create("flags"));
  const auto anew = Search(request);
  ASSERT_FALSE(anew);
  EXPECT_EQ(anew.error().message, "no picture red in flags");
}

}  // namespace
}  // namespace ocelli
