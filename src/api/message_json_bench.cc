#include <benchmark/benchmark.h>
#include <google/protobuf/util/json_util.h>

#include "api/message_json.h"
#include "ocelli/v1/vision.pb.h"

namespace ocelli {
namespace {

// Three faces, as recognition finds them; with mesh 478 points each.
v1::RecognizeResponse Response(bool mesh) {
  v1::RecognizeResponse response;
  v1::Analysis& analysis = *response.mutable_analysis();
  analysis.set_digest(std::string(64, 'a'));
  analysis.set_width(1920);
  analysis.set_height(1080);
  for (int i = 0; i < 3; ++i) {
    const float at = 101.37f * static_cast<float>(i + 1);
    v1::Face& face = *analysis.add_faces();
    for (int n = 0; n < 6; ++n) {
      v1::Point& point = *face.add_keypoints();
      point.set_x(at + 0.731f * static_cast<float>(n));
      point.set_y(at);
    }
    for (int n = 0; mesh && n < 478; ++n) {
      v1::Point3& point = *face.add_mesh();
      point.set_x(at + 0.731f * static_cast<float>(n));
      point.set_y(at);
      point.set_z(-at);
    }
    face.mutable_box()->set_x(at);
    face.mutable_quality()->set_overall(0.93f);
    face.mutable_person()->set_name("Ada");
  }
  return response;
}

// What an answer of /v1/recognize costs beyond finding it.
void BM_MessageJson(benchmark::State& state) {
  const auto response = Response(state.range(0) != 0);
  for (auto _ : state) benchmark::DoNotOptimize(MessageJson(response));
}
BENCHMARK(BM_MessageJson)->ArgName("mesh")->Arg(0)->Arg(1);

// The same by protobuf's own writer.
void BM_ProtobufJson(benchmark::State& state) {
  const auto response = Response(state.range(0) != 0);
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  for (auto _ : state) {
    std::string text;
    if (!google::protobuf::util::MessageToJsonString(response, &text, options)
             .ok()) {
      state.SkipWithError("not written");
    }
  }
}
BENCHMARK(BM_ProtobufJson)->ArgName("mesh")->Arg(0)->Arg(1);

}  // namespace
}  // namespace ocelli
