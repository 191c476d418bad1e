#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <gtest/gtest.h>

#include "media/still_image.h"
#include "ocelli/v1/people.pb.h"
#include "service/test_service.h"

namespace ocelli {
namespace {

using google::protobuf::Empty;
using testing::ElementsAre;
using testing::HasSubstr;

class PeopleOperationsTest : public testing::Test {
 protected:
  PeopleOperationsTest() {
    service_.Know("ada", {TestFace(1)});
    service_.Know("bob", {TestFace(2)});
    service_.Know("both", {TestFace(1, 10, 80), TestFace(2, 300, 120)});
    service_.Know("nobody", {});
  }

  static v1::AddFaceRequest Face(const std::string& name,
                                 std::string_view picture) {
    v1::AddFaceRequest request;
    request.set_name(name);
    *request.mutable_image() = TestImage(picture);
    return request;
  }
  Result<v1::EnrolledFace> Add(const v1::AddFaceRequest& request) {
    return service_.Ask<v1::EnrolledFace>("People.AddFace", request);
  }
  v1::PersonDetails Get(const std::string& name) {
    v1::GetPersonRequest request;
    request.set_name(name);
    return service_.Ask<v1::PersonDetails>("People.GetPerson", request)
        .value_or(v1::PersonDetails());
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto answer = service_.Ask<v1::ListPeopleResponse>(
        "People.ListPeople", v1::ListPeopleRequest());
    for (const auto& person : answer.value().people()) {
      names.push_back(person.name());
    }
    return names;
  }
  // "add Ada", ..., the oldest first.
  std::vector<std::string> Noted() {
    std::vector<std::string> noted;
    const auto entries =
        service_.access.store->Audit(Caller::Owner(), 0, 100).value();
    for (const AuditEntry& entry : entries) {
      noted.insert(noted.begin(), entry.action + " " + entry.subject);
    }
    return noted;
  }

  TestService service_;
};

TEST_F(PeopleOperationsTest, AFaceIsEnrolledAndListed) {
  auto request = Face("Ada", "ada");
  request.set_source("her passport");
  const auto face = Add(request);
  ASSERT_TRUE(face) << face.error().message;
  EXPECT_GT(face->id(), 0);
  EXPECT_EQ(face->person(), "Ada");
  EXPECT_EQ(face->image(), Sha256("ada").ToHex());
  EXPECT_EQ(face->box().width(), 100);
  EXPECT_EQ(face->source(), "her passport");
  EXPECT_TRUE(face->comparable());
  EXPECT_FLOAT_EQ(face->quality().overall(), 0.5f);
  EXPECT_GT(face->created().seconds(), 0);
  EXPECT_THAT(Names(), ElementsAre("Ada"));
  EXPECT_EQ(Get("Ada").person().faces(), 1u);
  EXPECT_EQ(Get("Ada").faces(0).id(), face->id());
  EXPECT_THAT(Noted(), ElementsAre("add Ada"));
}

TEST_F(PeopleOperationsTest, OfSeveralFacesOneIsChosen) {
  const auto unclear = Add(Face("Bob", "both"));
  ASSERT_FALSE(unclear);
  EXPECT_EQ(unclear.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(unclear.error().message, HasSubstr("80x80, 120x120"));
  auto request = Face("Bob", "both");
  request.set_largest(true);
  EXPECT_EQ(Add(request)->box().x(), 300);
  request = Face("Ada", "both");
  request.set_face(1);
  EXPECT_EQ(Add(request)->box().x(), 10);
  request.set_face(3);
  EXPECT_EQ(Add(request).error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(PeopleOperationsTest, WhatCannotBeEnrolledIsRefused) {
  EXPECT_EQ(Add(Face("Ada", "nobody")).error().code,
            ErrorCode::kFailedPrecondition);
  for (const std::string& name :
       {std::string(), std::string(" Ada"), std::string("a\nb"),
        std::string(10'000'000, 'a'), std::string("\xff")}) {
    EXPECT_EQ(Add(Face(name, "ada")).error().code, ErrorCode::kInvalidArgument);
  }
  auto request = Face("Ada", "ada");
  request.set_source(std::string(1'000'000, 's'));
  EXPECT_EQ(Add(request).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(Add(Face("Ada", "ada")));
  EXPECT_EQ(Add(Face("Bob", "ada")).error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(Noted(), ElementsAre("add Ada"));
}

TEST_F(PeopleOperationsTest, ARejectedFaceIsNoLongerNamed) {
  ASSERT_TRUE(Add(Face("Ada", "ada")));
  v1::RejectFaceRequest request;
  request.set_name("Ada");
  *request.mutable_image() = TestImage("both");
  // The one that is called so now, though there are two.
  const auto rejected = service_.Ask<Empty>("People.RejectFace", request);
  ASSERT_TRUE(rejected) << rejected.error().message;
  EXPECT_EQ(Get("Ada").person().rejected(), 1u);
  request.set_face(2);
  EXPECT_TRUE(service_.Ask<Empty>("People.RejectFace", request));
  EXPECT_EQ(Get("Ada").person().rejected(), 2u);
  request.set_face(9);
  EXPECT_EQ(service_.CodeOf("People.RejectFace", request),
            ErrorCode::kFailedPrecondition);
  request.clear_image();
  EXPECT_EQ(service_.CodeOf("People.RejectFace", request),
            ErrorCode::kInvalidArgument);
  EXPECT_THAT(Noted(), ElementsAre("add Ada", "reject Ada", "reject Ada"));
}

TEST_F(PeopleOperationsTest, PeopleAreRenamedAndMerged) {
  ASSERT_TRUE(Add(Face("Ada", "ada")));
  ASSERT_TRUE(Add(Face("Bob", "bob")));
  v1::RenamePersonRequest rename;
  rename.set_name("Ada");
  rename.set_new_name("Ada Lovelace");
  const auto renamed =
      service_.Ask<v1::PersonSummary>("People.RenamePerson", rename);
  ASSERT_TRUE(renamed) << renamed.error().message;
  EXPECT_EQ(renamed->name(), "Ada Lovelace");
  EXPECT_EQ(service_.CodeOf("People.RenamePerson", rename),
            ErrorCode::kNotFound);
  rename.set_name("Bob");
  EXPECT_EQ(service_.CodeOf("People.RenamePerson", rename),
            ErrorCode::kAlreadyExists);
  v1::MergePeopleRequest merge;
  merge.set_name("Bob");
  merge.set_into("Ada Lovelace");
  const auto merged =
      service_.Ask<v1::PersonSummary>("People.MergePeople", merge);
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_EQ(merged->faces(), 2u);
  EXPECT_THAT(Names(), ElementsAre("Ada Lovelace"));
  EXPECT_EQ(Noted().size(), 4u);
}

TEST_F(PeopleOperationsTest, PeopleAndFacesAreForgotten) {
  const auto face = Add(Face("Ada", "ada"));
  ASSERT_TRUE(Add(Face("Bob", "bob")));
  v1::RemoveFaceRequest one;
  one.set_id(face->id());
  ASSERT_TRUE(service_.Ask<Empty>("People.RemoveFace", one));
  EXPECT_EQ(service_.CodeOf("People.RemoveFace", one), ErrorCode::kNotFound);
  v1::RemovePersonRequest all;
  all.set_name("Bob");
  ASSERT_TRUE(service_.Ask<Empty>("People.RemovePerson", all));
  EXPECT_EQ(service_.CodeOf("People.RemovePerson", all), ErrorCode::kNotFound);
  EXPECT_TRUE(Names().empty());
  EXPECT_THAT(Noted(), ElementsAre("add Ada", "add Bob",
                                   "remove " + std::to_string(face->id()),
                                   "remove Bob"));
}

TEST_F(PeopleOperationsTest, AnEnrolledFaceIsRejectedByItsNumber) {
  const auto face = Add(Face("Ada", "ada"));
  v1::RejectFaceRequest request;
  request.set_name("Bob");
  request.set_enrolled(face->id());
  EXPECT_EQ(service_.CodeOf("People.RejectFace", request),
            ErrorCode::kNotFound);  // It is not Bob's.
  request.set_name("Ada");
  const auto rejected = service_.Ask<Empty>("People.RejectFace", request);
  ASSERT_TRUE(rejected) << rejected.error().message;
  EXPECT_EQ(Get("Ada").person().faces(), 0u);
  EXPECT_EQ(Get("Ada").person().rejected(), 1u);
  *request.mutable_image() = TestImage("ada");
  EXPECT_EQ(service_.CodeOf("People.RejectFace", request),
            ErrorCode::kInvalidArgument);
}

TEST_F(PeopleOperationsTest, AFaceIsGivenToSomebodyElse) {
  const auto face = Add(Face("Ada", "ada"));
  v1::MoveFaceRequest request;
  request.set_id(face->id());
  request.set_person("Bob");
  const auto moved = service_.Ask<v1::EnrolledFace>("People.MoveFace", request);
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(moved->person(), "Bob");
  EXPECT_THAT(Names(), ElementsAre("Bob"));
  request.set_id(face->id() + 1);
  EXPECT_EQ(service_.CodeOf("People.MoveFace", request), ErrorCode::kNotFound);
  request.set_person("");
  EXPECT_EQ(service_.CodeOf("People.MoveFace", request),
            ErrorCode::kInvalidArgument);
}

// A picture of noise in which a test says that there are faces.
std::string Photo() {
  Image image(640, 480, PixelFormat::kRgb8);
  for (std::size_t i = 0; i < image.size_bytes(); ++i) {
    image.view().data[i] = static_cast<std::uint8_t>(i * 31 >> 3);
  }
  const auto jpeg = EncodeJpeg(image).value();
  return {reinterpret_cast<const char*>(jpeg.data()), jpeg.size()};
}

TEST_F(PeopleOperationsTest, AnEnrolledFaceHasAPicture) {
  service_.Know(Photo(), {TestFace(3, 200)});
  const auto face = Add(Face("Cleo", Photo()));
  ASSERT_TRUE(face) << face.error().message;
  EXPECT_TRUE(face->has_picture());
  v1::GetFacePictureRequest request;
  request.set_id(face->id());
  const auto picture =
      service_.Ask<v1::Picture>("People.GetFacePicture", request);
  ASSERT_TRUE(picture) << picture.error().message;
  EXPECT_EQ(picture->content_type(), "image/jpeg");
  EXPECT_EQ(picture->etag(), Sha256(picture->data()).ToHex());
  EXPECT_TRUE(ReadJpegSize(std::as_bytes(std::span(picture->data()))));
  // Of bytes that are no picture there is none.
  request.set_id(Add(Face("Ada", "ada"))->id());
  EXPECT_EQ(service_.CodeOf("People.GetFacePicture", request),
            ErrorCode::kNotFound);
}

class UnknownOperationsTest : public PeopleOperationsTest {
 protected:
  void See(int somebody, int image) {
    SeenFace seen;
    seen.descriptor = TestFace(somebody).descriptor;
    // Of what looks the same only one is kept.
    seen.descriptor.at(static_cast<std::size_t>(image) + 20) += .5f;
    seen.quality.overall = 0.5f;
    seen.picture = {std::byte{0xff}, std::byte{0xd8}, std::byte{0xff}};
    seen.source = "door";
    seen.image = Sha256(std::to_string(image));
    seen.box = TestFace(somebody).box;
    service_.unknown.Saw(seen);
  }
  std::vector<v1::UnknownPerson> List() {
    const auto answer = service_.Ask<v1::ListUnknownResponse>(
        "People.ListUnknown", v1::ListUnknownRequest());
    return {answer.value().people().begin(), answer->people().end()};
  }
};

TEST_F(UnknownOperationsTest, NamingOneEnrolsAllThatIsKeptOfThem) {
  See(1, 1);
  See(1, 2);
  See(2, 3);
  ASSERT_EQ(List().size(), 2u);
  EXPECT_EQ(List()[0].seen(), 2u);
  EXPECT_EQ(List()[0].last_source(), "door");
  EXPECT_EQ(List()[0].pictures(), 2u);
  v1::GetUnknownPictureRequest picture;
  picture.set_id(List()[0].id());
  picture.set_number(1);
  const auto shown =
      service_.Ask<v1::Picture>("People.GetUnknownPicture", picture);
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_EQ(shown->content_type(), "image/jpeg");
  picture.set_number(2);
  EXPECT_EQ(service_.CodeOf("People.GetUnknownPicture", picture),
            ErrorCode::kNotFound);
  v1::NameUnknownRequest request;
  request.set_id(List()[0].id());
  request.set_name("");
  EXPECT_EQ(service_.CodeOf("People.NameUnknown", request),
            ErrorCode::kInvalidArgument);
  request.set_name("Ada");
  const auto named =
      service_.Ask<v1::PersonSummary>("People.NameUnknown", request);
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->name(), "Ada");
  EXPECT_EQ(named->faces(), 2u);
  EXPECT_EQ(service_.CodeOf("People.NameUnknown", request),
            ErrorCode::kNotFound);
  EXPECT_EQ(List().size(), 1u);
  EXPECT_THAT(Noted(), ElementsAre("add Ada"));
}

TEST_F(UnknownOperationsTest, WhoHasANameIsNoLongerUnknown) {
  See(1, 1);
  See(2, 2);
  ASSERT_TRUE(Add(Face("Ada", "ada")));
  ASSERT_EQ(List().size(), 1u);
  v1::ForgetUnknownRequest request;
  request.set_id(List()[0].id());
  ASSERT_TRUE(service_.Ask<Empty>("People.ForgetUnknown", request));
  EXPECT_EQ(service_.CodeOf("People.ForgetUnknown", request),
            ErrorCode::kNotFound);
  EXPECT_TRUE(List().empty());
}

TEST_F(UnknownOperationsTest, WithoutAMemoryNobodyIsThere) {
  service_.parts.unknown = nullptr;
  service_.Open();
  EXPECT_TRUE(List().empty());
  v1::ForgetUnknownRequest request;
  request.set_id("x");
  EXPECT_EQ(service_.CodeOf("People.ForgetUnknown", request),
            ErrorCode::kNotFound);
}

TEST_F(PeopleOperationsTest, NobodyKnownIsNotFound) {
  v1::GetPersonRequest request;
  request.set_name("Nobody");
  EXPECT_EQ(service_.CodeOf("People.GetPerson", request), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace ocelli
