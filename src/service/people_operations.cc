#include <google/protobuf/empty.pb.h>

#include <algorithm>
#include <utility>

#include "faces/gallery_name.h"
#include "ocelli/v1/people.pb.h"
#include "recognize/chosen_face.h"
#include "service/message_time.h"
#include "service/pictures.h"
#include "service/unknown.h"

namespace ocelli {
namespace {

using google::protobuf::Empty;

void Write(const PersonSummary& person, v1::PersonSummary& to) {
  to.set_name(person.name);
  to.set_faces(person.faces);
  to.set_other_model(person.other_model);
  to.set_rejected(person.rejected);
}

void Write(const EnrolledFace& face, std::string_view person,
           v1::EnrolledFace& to) {
  to.set_id(face.id);
  to.set_person(std::string(person));
  to.set_image(face.image.ToHex());
  to.mutable_box()->set_x(face.box.x);
  to.mutable_box()->set_y(face.box.y);
  to.mutable_box()->set_width(face.box.width);
  to.mutable_box()->set_height(face.box.height);
  to.set_source(face.source);
  to.mutable_quality()->set_size(face.quality.size);
  to.mutable_quality()->set_sharpness(face.quality.sharpness);
  to.mutable_quality()->set_frontality(face.quality.frontality);
  to.mutable_quality()->set_overall(face.quality.overall);
  SetTime(face.created, *to.mutable_created());
  to.set_comparable(face.comparable);
  to.set_has_picture(face.has_picture);
}

Result<v1::PersonSummary> SummaryOf(const Gallery& gallery,
                                    std::string_view name) {
  const auto people = gallery.People();
  if (!people) return people.Failure();
  const auto found = std::find_if(
      people->begin(), people->end(),
      [&](const PersonSummary& person) { return person.name == name; });
  if (found == people->end()) {
    return Fail(ErrorCode::kNotFound, "nobody is called " + std::string(name));
  }
  v1::PersonSummary summary;
  Write(*found, summary);
  return summary;
}

// One of theirs that is enrolled.
Result<v1::EnrolledFace> FaceOf(const Gallery& gallery, std::string_view name,
                                std::int64_t id) {
  const auto faces = gallery.FacesOf(name);
  if (!faces) return faces.Failure();
  const auto found =
      std::find_if(faces->begin(), faces->end(),
                   [&](const EnrolledFace& face) { return face.id == id; });
  if (found == faces->end()) {
    return Fail(ErrorCode::kNotFound,
                std::string(name) + " has no face " + std::to_string(id));
  }
  v1::EnrolledFace face;
  Write(*found, name, face);
  return face;
}

Result<v1::ListPeopleResponse> ListPeople(ServiceState& state,
                                          const CallContext&,
                                          v1::ListPeopleRequest&) {
  const auto people = state.parts.gallery.People();
  if (!people) return people.Failure();
  v1::ListPeopleResponse response;
  for (const PersonSummary& person : *people) {
    Write(person, *response.add_people());
  }
  return response;
}

Result<v1::PersonDetails> GetPerson(ServiceState& state, const CallContext&,
                                    v1::GetPersonRequest& request) {
  auto summary = SummaryOf(state.parts.gallery, request.name());
  if (!summary) return summary.Failure();
  const auto faces = state.parts.gallery.FacesOf(request.name());
  if (!faces) return faces.Failure();
  v1::PersonDetails details;
  *details.mutable_person() = std::move(*summary);
  for (const EnrolledFace& face : *faces) {
    Write(face, request.name(), *details.add_faces());
  }
  return details;
}

Result<> CheckSource(const std::string& source) {
  constexpr std::size_t kMostBytes = 1000;
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (source.size() <= kMostBytes &&
      std::none_of(source.begin(), source.end(), is_control)) {
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "source: at most " + std::to_string(kMostBytes) +
                  " bytes without control characters");
}

Result<v1::EnrolledFace> AddFace(ServiceState& state,
                                 const CallContext& context,
                                 v1::AddFaceRequest& request) {
  auto checked = CheckPersonName(request.name());
  if (checked) checked = CheckSource(request.source());
  if (!checked) return checked.Failure();
  const auto picture = TakePicture(*request.mutable_image(), "image", state);
  if (!picture) return picture.Failure();
  const auto recognition = RecognizePicture(picture->bytes(), state);
  if (!recognition) return recognition.Failure("image");
  const Analysis& analysis = recognition->analysis;
  const auto face = FaceToEnrol(
      analysis.faces, {.number = request.face(),
                       .largest = request.largest(),
                       .advice = "crop the picture, ask for the largest, or "
                                 "say which face, from the left"});
  if (!face) return face.Failure("image");
  Gallery& gallery = state.parts.gallery;
  const auto id =
      gallery.Add(request.name(), **face, analysis.digest,
                  request.source().empty() ? "the service" : request.source(),
                  PictureOfFace(picture->bytes(), **face, state));
  if (!id) return id.Failure();
  ForgetUnknownLike(**face, state);
  const auto noted = Record(state, context, "add", "person", request.name());
  if (!noted) return noted.Failure();
  return FaceOf(gallery, request.name(), *id);
}

// One that is enrolled under that very name.
Result<> RejectEnrolled(ServiceState& state,
                        const v1::RejectFaceRequest& request) {
  Gallery& gallery = state.parts.gallery;
  const auto theirs = FaceOf(gallery, request.name(), request.enrolled());
  if (!theirs) return theirs.Failure();
  return gallery.RejectFace(request.enrolled());
}

Result<> RejectSent(ServiceState& state, v1::RejectFaceRequest& request) {
  Gallery& gallery = state.parts.gallery;
  const auto recognition =
      RecognizeImage(*request.mutable_image(), "image", state);
  if (!recognition) return recognition.Failure();
  const Analysis& analysis = recognition->analysis;
  const auto face =
      FaceToReject(analysis, request.name(),
                   {.number = request.face(),
                    .advice = "say which face, from the left, counted from 1"},
                   gallery, state.parts.identify);
  if (!face) return face.Failure("image");
  return gallery.Reject(request.name(), analysis.faces[*face], analysis.digest);
}

Result<Empty> RejectFace(ServiceState& state, const CallContext& context,
                         v1::RejectFaceRequest& request) {
  if (request.has_image() == (request.enrolled() != 0)) {
    return Fail(ErrorCode::kInvalidArgument,
                "either image or enrolled says which face it is");
  }
  if (auto checked = CheckPersonName(request.name()); !checked) {
    return checked.Failure();
  }
  const auto rejected = request.enrolled() != 0 ? RejectEnrolled(state, request)
                                                : RejectSent(state, request);
  if (!rejected) return rejected.Failure();
  const auto noted = Record(state, context, "reject", "person", request.name());
  if (!noted) return noted.Failure();
  return Empty();
}

Result<v1::PersonSummary> RenamePerson(ServiceState& state,
                                       const CallContext& context,
                                       v1::RenamePersonRequest& request) {
  Gallery& gallery = state.parts.gallery;
  const auto renamed = gallery.Rename(request.name(), request.new_name());
  if (!renamed) return renamed.Failure();
  const auto noted = Record(state, context, "rename", "person",
                            request.name() + " to " + request.new_name());
  if (!noted) return noted.Failure();
  return SummaryOf(gallery, request.new_name());
}

Result<v1::PersonSummary> MergePeople(ServiceState& state,
                                      const CallContext& context,
                                      v1::MergePeopleRequest& request) {
  Gallery& gallery = state.parts.gallery;
  const auto merged = gallery.Merge(request.name(), request.into());
  if (!merged) return merged.Failure();
  const auto noted = Record(state, context, "merge", "person",
                            request.name() + " into " + request.into());
  if (!noted) return noted.Failure();
  return SummaryOf(gallery, request.into());
}

Result<Empty> RemovePerson(ServiceState& state, const CallContext& context,
                           v1::RemovePersonRequest& request) {
  const auto removed = state.parts.gallery.Remove(request.name());
  if (!removed) return removed.Failure();
  const auto noted = Record(state, context, "remove", "person", request.name());
  if (!noted) return noted.Failure();
  return Empty();
}

Result<Empty> RemoveFace(ServiceState& state, const CallContext& context,
                         v1::RemoveFaceRequest& request) {
  const auto removed = state.parts.gallery.RemoveFace(request.id());
  if (!removed) return removed.Failure();
  const auto noted =
      Record(state, context, "remove", "face", std::to_string(request.id()));
  if (!noted) return noted.Failure();
  return Empty();
}

Result<v1::EnrolledFace> MoveFace(ServiceState& state,
                                  const CallContext& context,
                                  v1::MoveFaceRequest& request) {
  if (auto checked = CheckPersonName(request.person()); !checked) {
    return checked.Failure();
  }
  Gallery& gallery = state.parts.gallery;
  const auto moved = gallery.Move(request.id(), request.person());
  if (!moved) return moved.Failure();
  const auto noted =
      Record(state, context, "move", "face",
             std::to_string(request.id()) + " to " + request.person());
  if (!noted) return noted.Failure();
  return FaceOf(gallery, request.person(), request.id());
}

Result<v1::Picture> GetFacePicture(ServiceState& state, const CallContext&,
                                   v1::GetFacePictureRequest& request) {
  const auto picture = state.parts.gallery.PictureOf(request.id());
  if (!picture) return picture.Failure();
  return JpegPicture(*picture, Sha256(*picture).ToHex());
}

}  // namespace

void AddPeopleOperations(OperationTable& table, ServiceState& state) {
  Handlers handlers(table, state);
  handlers.Add("People.ListPeople", ListPeople);
  handlers.Add("People.GetPerson", GetPerson);
  handlers.Add("People.AddFace", AddFace);
  handlers.Add("People.RejectFace", RejectFace);
  handlers.Add("People.RenamePerson", RenamePerson);
  handlers.Add("People.MergePeople", MergePeople);
  handlers.Add("People.MoveFace", MoveFace);
  handlers.Add("People.GetFacePicture", GetFacePicture);
  handlers.Add("People.RemovePerson", RemovePerson);
  handlers.Add("People.RemoveFace", RemoveFace);
  AddUnknownOperations(table, state);
}

}  // namespace ocelli
