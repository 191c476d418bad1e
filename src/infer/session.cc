#include "infer/session.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <type_traits>

#include "core/log.h"
#include "core/mapped_file.h"
#include "infer/model_queue.h"
#include "infer/onnxruntime.h"
#include "infer/optimized_graph.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

struct TypeName {
  ONNXTensorElementDataType type;
  const char* name;
};
constexpr std::array<TypeName, 6> kTypes = {{
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, "float32"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, "uint8"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, "int64"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, "int32"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, "float16"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, "int8"},
}};
// In the order of Tensor::values.
constexpr std::array kTensorTypes = {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                                     ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
                                     ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};

std::string NameOf(ONNXTensorElementDataType type) {
  const auto found =
      std::find_if(kTypes.begin(), kTypes.end(),
                   [&](const TypeName& known) { return known.type == type; });
  return found == kTypes.end() ? "type " + std::to_string(type) : found->name;
}

std::string ShapeText(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) {
    if (text.size() > 1) text += ",";
    text += size < 0 ? "?" : std::to_string(size);
  }
  return text + "]";
}

bool Fits(std::span<const std::int64_t> actual,
          std::span<const std::int64_t> wanted) {
  return std::equal(
      actual.begin(), actual.end(), wanted.begin(), wanted.end(),
      [](std::int64_t a, std::int64_t w) { return w < 0 ? a > 0 : a == w; });
}

// The wall time while at least one thread is inside. Thread-safe.
class BusyTime {
 public:
  void Enter() {
    const std::lock_guard lock(mutex_);
    if (inside_++ == 0) since_ = Clock::now();
  }
  void Leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) total_ += Clock::now() - since_;
  }
  double seconds() const {
    const std::lock_guard lock(mutex_);
    return std::chrono::duration<double>(total_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;

  mutable std::mutex mutex_;
  int inside_ = 0;
  Clock::time_point since_;
  Clock::duration total_{};
};

BusyTime in_models;
BusyTime running_models;

// Counts its own life in.
class Stopwatch {
 public:
  explicit Stopwatch(BusyTime& busy) : busy_(busy) { busy_.Enter(); }
  ~Stopwatch() { busy_.Leave(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  BusyTime& busy_;
};

// Asks for the provider that a user calls "cuda". Throws what ONNX Runtime
// throws where the library or the machine has none.
Result<> AddProvider(const std::string& provider,
                     Ort::SessionOptions& options) {
  if (provider == "cpu") return {};
  if (provider == "cuda") {
    const Ort::CUDAProviderOptions cuda;
    options.AppendExecutionProvider_CUDA_V2(*cuda);
    return {};
  }
  if (provider == "tensorrt") {
    const Ort::TensorRTProviderOptions tensorrt;
    options.AppendExecutionProvider_TensorRT_V2(*tensorrt);
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "unknown provider " + provider + ": cpu, cuda or tensorrt");
}

Result<Ort::SessionOptions> MakeOptions(const SessionOptions& options) {
  Ort::SessionOptions made;
  made.SetIntraOpNumThreads(std::max(options.threads, 1));
  made.SetInterOpNumThreads(1);
  made.SetExecutionMode(ORT_SEQUENTIAL);
  made.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  // Idle workers that spin would take the other sessions' processors.
  made.AddConfigEntry("session.intra_op.allow_spinning", "0");
  const auto added = CallOnnxRuntime(
      ErrorCode::kFailedPrecondition,
      "provider " + options.provider +
          " is not to be had here (the ONNX Runtime library and the machine "
          "must both have it)",
      [&] { return AddProvider(options.provider, made); });
  if (!added) return added.Failure();
  if (!*added) return added->Failure();
  return made;
}

// A session and what it reads its weights from.
struct Opened {
  MappedFile bytes;  // Outlives the session.
  Ort::Session session{nullptr};
};

// ONNX Runtime's own format straight from the mapped file: SFace opens in 4 ms
// where the same graph as ONNX takes 60.
Opened OpenMapped(const OnnxRuntime& runtime, MappedFile file,
                  const Ort::SessionOptions& options) {
  Ort::SessionOptions as_is = options.Clone();
  as_is.SetGraphOptimizationLevel(ORT_DISABLE_ALL);
  as_is.AddConfigEntry("session.load_model_format", "ORT");
  as_is.AddConfigEntry("session.use_ort_model_bytes_directly", "1");
  as_is.AddConfigEntry("session.use_ort_model_bytes_for_initializers", "1");
  Opened opened{std::move(file), Ort::Session{nullptr}};
  opened.session =
      Ort::Session(*runtime.environment, opened.bytes.bytes().data(),
                   opened.bytes.bytes().size(), as_is);
  return opened;
}

// Optimises `model` and writes the outcome to `kept`, if that can be written.
Opened OpenOptimizing(const OnnxRuntime& runtime, const fs::path& model,
                      const fs::path& kept,
                      const Ort::SessionOptions& options) {
  const auto open = [&](const Ort::SessionOptions& with) {
    return Opened{{}, Ort::Session(*runtime.environment, model.c_str(), with)};
  };
  if (access(model.parent_path().c_str(), W_OK) != 0) return open(options);
  // Several processes may do this at once; each has a name of its own.
  const fs::path temporary = kept.string() + "." + std::to_string(getpid());
  Ort::SessionOptions saving = options.Clone();
  saving.AddConfigEntry("session.save_model_format", "ORT");
  saving.SetOptimizedModelFilePath(temporary.c_str());
  std::error_code error;
  try {
    Opened opened = open(saving);
    fs::rename(temporary, kept, error);
    if (error) fs::remove(temporary, error);
    RemoveStaleOptimizedGraphs(model, kept);
    return opened;
  } catch (const Ort::Exception&) {
    // Either the disk is full or the model is bad, which the next line tells.
    fs::remove(temporary, error);
    return open(options);
  }
}

Opened OpenOptimized(const OnnxRuntime& runtime, const fs::path& model,
                     const Ort::SessionOptions& options) {
  const fs::path kept = OptimizedGraphPath(model, runtime.version);
  if (auto file = MappedFile::Open(kept)) {
    try {
      return OpenMapped(runtime, std::move(*file), options);
    } catch (const Ort::Exception&) {
      Log(LogLevel::kWarning, "optimised graph is damaged, making it anew",
          {{"path", kept.string()}});
    }
  }
  return OpenOptimizing(runtime, model, kept, options);
}

TensorInfo Describe(const std::string& name, const Ort::TypeInfo& type) {
  if (type.GetONNXType() != ONNX_TYPE_TENSOR) return {name, "not a tensor", {}};
  const auto tensor = type.GetTensorTypeAndShapeInfo();
  return {name, NameOf(tensor.GetElementType()), tensor.GetShape()};
}

Ort::Value ToHalf(const Tensor& tensor) {
  Ort::AllocatorWithDefaultOptions allocator;
  auto value = Ort::Value::CreateTensor<Ort::Float16_t>(
      allocator, tensor.shape.data(), tensor.shape.size());
  std::ranges::transform(tensor.floats(),
                         value.GetTensorMutableData<Ort::Float16_t>(),
                         [](float number) { return Ort::Float16_t(number); });
  return value;
}

// Refers to the values of `tensor` unless they need another type.
Ort::Value ToOrt(const Tensor& tensor, const TensorInfo& info) {
  if (info.type == "float16") return ToHalf(tensor);
  static const auto memory =
      Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  return std::visit(
      [&](const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        // Inputs are only read.
        return Ort::Value::CreateTensor<T>(
            memory, const_cast<T*>(values.data()), values.size(),
            tensor.shape.data(), tensor.shape.size());
      },
      tensor.values);
}

template <typename T>
Tensor CopyTensor(std::vector<std::int64_t> shape, const Ort::Value& value,
                  std::size_t count) {
  const T* data = value.GetTensorData<T>();
  return {std::move(shape), std::vector<T>(data, data + count)};
}

Result<Tensor> FromOrt(const Ort::Value& value) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  const std::size_t count = info.GetElementCount();
  switch (info.GetElementType()) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return CopyTensor<float>(info.GetShape(), value, count);
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
      return CopyTensor<std::uint8_t>(info.GetShape(), value, count);
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      return CopyTensor<std::int64_t>(info.GetShape(), value, count);
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16: {
      Tensor floats = Tensor::Floats(info.GetShape());
      std::transform(value.GetTensorData<Ort::Float16_t>(),
                     value.GetTensorData<Ort::Float16_t>() + count,
                     floats.floats().begin(),
                     [](Ort::Float16_t half) { return half.ToFloat(); });
      return floats;
    }
    default:
      return Fail(ErrorCode::kUnimplemented,
                  "an output of type " + NameOf(info.GetElementType()));
  }
}

// Empty where `tensor` suits `info`, else what is wrong with it.
std::string Mismatch(const TensorInfo& info, const Tensor& tensor) {
  const std::string type = NameOf(kTensorTypes[tensor.values.index()]);
  const std::size_t count = std::visit(
      [](const auto& values) { return values.size(); }, tensor.values);
  std::size_t expected = 1;
  for (const std::int64_t size : tensor.shape) {
    expected *= static_cast<std::size_t>(std::max<std::int64_t>(size, 0));
  }
  const bool suits =
      type == info.type || (type == "float32" && info.type == "float16");
  if (suits && Fits(tensor.shape, info.shape) && count == expected) {
    return {};
  }
  return "input " + info.name + " is " + type + ShapeText(tensor.shape) +
         " with " + std::to_string(count) + " values, the model takes " +
         info.type + ShapeText(info.shape);
}

}  // namespace

struct Session::State {
  std::string model;  // Its path, for messages.
  Opened opened;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
};

SessionTimes TotalSessionTimes() {
  return {in_models.seconds(), running_models.seconds()};
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;
const std::vector<TensorInfo>& Session::inputs() const {
  return state_->inputs;
}
const std::vector<TensorInfo>& Session::outputs() const {
  return state_->outputs;
}

Result<std::unique_ptr<Session>> Session::Open(const fs::path& model,
                                               const SessionOptions& options) {
  std::error_code error;
  if (!fs::is_regular_file(model, error)) {
    return Fail(ErrorCode::kNotFound, "no model file " + model.string());
  }
  const Stopwatch inside(in_models);
  const auto runtime = OpenOnnxRuntime();
  if (!runtime) return runtime.Failure();
  auto made = MakeOptions(options);
  if (!made) return made.Failure("opening " + model.string());
  auto state = std::make_unique<State>();
  state->model = model.string();
  const bool keep = options.keep_optimized && options.provider == "cpu";
  const auto opened = CallOnnxRuntime(
      ErrorCode::kDataLoss, "opening model " + model.string(), [&] {
        state->opened = keep ? OpenOptimized(*runtime, model, *made)
                             : Opened{{},
                                      Ort::Session(*runtime->environment,
                                                   model.c_str(), *made)};
        const Ort::Session& session = state->opened.session;
        const auto inputs = session.GetInputNames();
        for (std::size_t i = 0; i < inputs.size(); ++i) {
          state->inputs.push_back(
              Describe(inputs[i], session.GetInputTypeInfo(i)));
        }
        const auto outputs = session.GetOutputNames();
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          state->outputs.push_back(
              Describe(outputs[i], session.GetOutputTypeInfo(i)));
        }
        return true;
      });
  if (!opened) return opened.Failure();
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

Result<std::vector<Tensor>> Session::Run(
    std::span<const NamedTensor> inputs,
    std::span<const std::string_view> outputs) const {
  const std::string doing = "running " + state_->model;
  if (inputs.size() != state_->inputs.size()) {
    return Fail(ErrorCode::kInvalidArgument,
                doing + ": " + std::to_string(inputs.size()) +
                    " inputs given, the model takes " +
                    std::to_string(state_->inputs.size()));
  }
  std::vector<const char*> input_names;
  std::vector<std::pair<const Tensor*, const TensorInfo*>> input_tensors;
  for (const TensorInfo& info : state_->inputs) {
    const auto given = std::find_if(
        inputs.begin(), inputs.end(),
        [&](const NamedTensor& input) { return input.name == info.name; });
    if (given == inputs.end()) {
      return Fail(ErrorCode::kInvalidArgument,
                  doing + ": no input is called " + info.name);
    }
    const std::string mismatch = Mismatch(info, given->tensor);
    if (!mismatch.empty()) {
      return Fail(ErrorCode::kInvalidArgument, doing + ": " + mismatch);
    }
    input_names.push_back(info.name.c_str());
    input_tensors.emplace_back(&given->tensor, &info);
  }
  std::vector<const char*> output_names;
  for (const TensorInfo& info : state_->outputs) {
    if (outputs.empty()) output_names.push_back(info.name.c_str());
  }
  for (const std::string_view name : outputs) {
    const auto info = std::find_if(
        state_->outputs.begin(), state_->outputs.end(),
        [&](const TensorInfo& output) { return output.name == name; });
    if (info == state_->outputs.end()) {
      return Fail(ErrorCode::kInvalidArgument,
                  doing + ": no output is called " + std::string(name));
    }
    output_names.push_back(info->name.c_str());
  }
  const auto slot = ModelSlots().Take();
  if (!slot) return slot.Failure(doing);
  auto ran = CallOnnxRuntime(
      ErrorCode::kInternal, doing, [&]() -> Result<std::vector<Tensor>> {
        const Stopwatch inside(in_models);
        const Stopwatch running(running_models);
        std::vector<Ort::Value> values;
        for (const auto& [tensor, info] : input_tensors) {
          values.push_back(ToOrt(*tensor, *info));
        }
        const auto results = state_->opened.session.Run(
            Ort::RunOptions{nullptr}, input_names.data(), values.data(),
            values.size(), output_names.data(), output_names.size());
        std::vector<Tensor> tensors;
        for (const Ort::Value& result : results) {
          auto tensor = FromOrt(result);
          if (!tensor) return tensor.Failure(doing);
          tensors.push_back(std::move(*tensor));
        }
        return tensors;
      });
  if (!ran) return ran.Failure();
  return std::move(*ran);
}

}  // namespace ocelli
