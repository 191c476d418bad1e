#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/test_access.h"
#include "archive/task.h"
#include "core/test_folder.h"
#include "ocelli/v1/picture.pb.h"
#include "service/service.h"
#include "service/test_live_board.h"

namespace ocelli {

// For tests: a service over a folder of its own. Pictures whose faces a test
// tells are in the cache, so that no model is needed.
class TestService {
 public:
  // `models`: a folder of installed models; empty: none.
  explicit TestService(const std::filesystem::path& models_folder = {},
                       ReferencedImagesOptions reference_options = {})
      : references(std::move(reference_options)),
        models(models_folder.empty() ? folder / "models" : models_folder) {
    OCELLI_CHECK(recognizer && gallery);
    Open();
  }

  // The service anew, as after a start; `change` the parts first.
  void Open() {
    service.reset();
    service = Service::Open(parts, access.clock).value();
  }

  // Of somebody with these rights.
  CallContext ContextOf(Scopes scopes) const {
    CallContext context;
    context.caller = {.kind = CallerKind::kKey,
                      .name = "test",
                      .id = "test-id",
                      .scopes = scopes,
                      .expires = {}};
    context.client = "test";
    context.request_id = "request-1";
    context.stop = stop.get_token();
    return context;
  }

  template <typename Response, typename Request>
  Result<Response> Ask(std::string_view name, Request request,
                       Scopes scopes = Scope::kAdmin) const {
    const Operation* const operation =
        service->operations().Find("ocelli.v1." + std::string(name));
    OCELLI_CHECK(operation);
    OCELLI_CHECK(operation->request->GetDescriptor() == Request::descriptor());
    Response response;
    auto called = Call(*operation, ContextOf(scopes), request, response);
    if (!called) return called.Failure();
    return response;
  }
  template <typename Request>
  ErrorCode CodeOf(std::string_view name, Request request,
                   Scopes scopes = Scope::kAdmin) const {
    const Operation* const operation =
        service->operations().Find("ocelli.v1." + std::string(name));
    OCELLI_CHECK(operation);
    const std::unique_ptr<google::protobuf::Message> response(
        operation->response->New());
    auto called = Call(*operation, ContextOf(scopes), request, *response);
    OCELLI_CHECK(!called);
    return called.error().code;
  }

  // From now on `picture` has these faces, whatever its bytes are.
  void Know(std::string_view picture, std::vector<Face> faces) {
    Analysis analysis{Sha256(picture), 640, 480, std::move(faces)};
    OCELLI_CHECK(cache->Put({analysis.digest, recognizer->fingerprint()},
                            SerializeAnalysis(analysis)));
  }

  const TestFolder folder;
  ReferencedImages references;  // Pictures by address.
  const ModelStore models;
  const std::unique_ptr<ResultCache> cache = MakeMemoryCache({});
  const std::unique_ptr<Recognizer> recognizer =
      Recognizer::Open(models, cache.get(), {}).value();
  TestAccess access;
  const std::unique_ptr<Gallery> gallery =
      Gallery::Open(folder / "people.sqlite", Sha256("describer"), access.clock)
          .value();
  TestLiveBoard live;
  const std::unique_ptr<SessionStore> sessions = MakeMemorySessionStore();
  const Tasks archives{folder / "archive"};
  FairSlots images{2};
  UnknownPeople unknown{{}, access.clock};
  MetricsRegistry metrics;
  std::stop_source stop;
  ServiceParts parts{
      .models = models,
      .cache = cache.get(),
      .recognizer = *recognizer,
      .gallery = *gallery,
      .identify = {},
      .access = *access.store,
      .live = live,
      .sessions = *sessions,
      .archives = archives,
      .open_store = {},
      .collections = folder / "collections",
      .collection_options = {},
      .references = references,
      .images = images,
      .metrics = metrics,
      .limits = {},
      .unknown = &unknown,
      .remember_unknown = true,
      .version = "test",
  };
  std::unique_ptr<Service> service;
};

// A face of `width` x `width` pixels at `x`, of somebody: equal numbers look
// alike, others not at all.
inline Face TestFace(int somebody, float x = 10, float width = 100) {
  Face face;
  face.box = {x, 20, width, width};
  face.score = 0.9f;
  face.quality = {0.5f, 0.5f, 0.5f, 0.5f};
  face.descriptor.assign(128, 0);
  face.descriptor[static_cast<std::size_t>(somebody)] = 1;
  return face;
}

inline v1::Image TestImage(std::string_view data) {
  v1::Image image;
  image.set_data(std::string(data));
  return image;
}

}  // namespace ocelli
