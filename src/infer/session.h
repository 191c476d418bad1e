#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"

namespace ocelli {

// A dense array in row-major order.
struct Tensor {
  std::vector<std::int64_t> shape;
  std::variant<std::vector<float>, std::vector<std::uint8_t>,
               std::vector<std::int64_t>>
      values;

  // All zero.
  static Tensor Floats(std::vector<std::int64_t> shape);
  std::span<float> floats() { return std::get<0>(values); }
  std::span<const float> floats() const { return std::get<0>(values); }
};

struct NamedTensor {
  std::string_view name;
  const Tensor& tensor;
};

// What a graph says of one of its inputs or outputs.
struct TensorInfo {
  std::string name;
  std::string type;                 // "float32", "uint8", "int64", ...
  std::vector<std::int64_t> shape;  // -1 where any size will do.
};

struct SessionOptions {
  int threads = 1;  // Of one Run(); sessions do not share threads.
  // "cpu", or "cuda", "tensorrt" where the ONNX Runtime library has them.
  std::string provider = "cpu";
  // Keep the optimised graph beside the model, so that the next start skips
  // the work. A folder that can't be written to only loses that.
  bool keep_optimized = true;
};

// Wall time of this process, in seconds, during which at least one of its
// threads was in ONNX Runtime.
struct SessionTimes {
  double inside = 0;   // Opening a model or running one.
  double running = 0;  // Running one.
};
SessionTimes TotalSessionTimes();

// A model ready to run. Inputs and outputs of float16 are float32 out here.
// Thread-safe: any number of threads may Run() at once.
class Session {
 public:
  // kNotFound, kDataLoss (not a model that ONNX Runtime accepts),
  // kFailedPrecondition (no library, no such provider).
  static Result<std::unique_ptr<Session>> Open(
      const std::filesystem::path& model, const SessionOptions& options = {});
  ~Session();

  const std::vector<TensorInfo>& inputs() const;
  const std::vector<TensorInfo>& outputs() const;

  // Runs the graph. `outputs` chooses by name and orders what is returned;
  // empty means all, in the graph's order. kInvalidArgument names an input
  // that is missing, unknown, of the wrong type or shape. Waits for a slot of
  // ModelSlots(); kCancelled where the thread's WorkScope is stopped by then.
  Result<std::vector<Tensor>> Run(
      std::span<const NamedTensor> inputs,
      std::span<const std::string_view> outputs = {}) const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ocelli
