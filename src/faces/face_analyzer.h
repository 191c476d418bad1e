#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/digest.h"
#include "core/face.h"
#include "core/image.h"
#include "core/result.h"
#include "models/model_store.h"

namespace ocelli {

// Everything here changes the result, so everything is in its fingerprint,
// save `threads` and `provider`.
struct FaceAnalyzerOptions {
  std::string detector = "blazeface-full";
  std::string mesh = "facemesh-attention";  // Empty: none, no descriptor.
  std::string describer = "sface";          // Empty: no descriptor.
  int mesh_passes = 2;                      // 1 or 2.
  float min_face = 0;   // Smallest face wanted, pixels; 0: what costs little.
  float min_score = 0;  // 0 to 1; 0: the detector's own.
  int threads = 1;
  std::string provider = "cpu";
};

// Every face of a picture: found, meshed, aligned, described. Thread-safe.
class FaceAnalyzer {
 public:
  // Checks that the models are installed and begins to open them; the first
  // Analyze() waits for what it needs. `models` is not kept.
  static Result<std::unique_ptr<FaceAnalyzer>> Open(
      const ModelStore& models, const FaceAnalyzerOptions& options);
  virtual ~FaceAnalyzer() = default;

  // Grey or RGB. Ordered by box.x. A face on which the mesh model sees none
  // has no mesh; it is described by the detector's key points.
  virtual Result<std::vector<Face>> Analyze(ImageView image) const = 0;

  // Opens every model and runs it once, so that the first face waits for none.
  virtual Result<> Warm() const = 0;
};

// Of the models, their cards and the options; opens no model.
Result<Digest> FaceFingerprint(const ModelStore& models,
                               const FaceAnalyzerOptions& options);

// The score from which on Analyze() returns a face.
Result<float> FaceScoreThreshold(const ModelStore& models,
                                 const FaceAnalyzerOptions& options);

}  // namespace ocelli
