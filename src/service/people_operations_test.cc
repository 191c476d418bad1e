#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <gtest/gtest.h>

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

TEST_F(PeopleOperationsTest, NobodyKnownIsNotFound) {
  v1::GetPersonRequest request;
  request.set_name("Nobody");
  EXPECT_EQ(service_.CodeOf("People.GetPerson", request), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace ocelli
