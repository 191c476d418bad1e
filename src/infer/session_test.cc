#include "infer/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx.pb.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/work_scope.h"
#include "infer/model_queue.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

void AddTensor(onnx::ValueInfoProto* value, const std::string& name,
               onnx::TensorProto::DataType type) {
  value->set_name(name);
  auto* tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape()->add_dim()->set_dim_param("batch");
  tensor->mutable_shape()->add_dim()->set_dim_value(2);
}

// sum = a + b and difference = a - b, each of shape [batch, 2].
std::string SumModel(
    onnx::TensorProto::DataType type = onnx::TensorProto::FLOAT) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(16);
  auto* graph = model.mutable_graph();
  graph->set_name("sums");
  AddTensor(graph->add_input(), "a", type);
  AddTensor(graph->add_input(), "b", type);
  AddTensor(graph->add_output(), "sum", type);
  AddTensor(graph->add_output(), "difference", type);
  for (const auto& [op, output] :
       {std::pair("Add", "sum"), std::pair("Sub", "difference")}) {
    auto* node = graph->add_node();
    node->set_op_type(op);
    node->add_input("a");
    node->add_input("b");
    node->add_output(output);
  }
  return model.SerializeAsString();
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    fs::create_directories(folder_);
    std::ofstream(model_) << SumModel();
  }
  ~SessionTest() override { fs::remove_all(folder_); }

  std::vector<fs::path> Kept() const {
    std::vector<fs::path> kept;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path() != model_) kept.push_back(entry.path());
    }
    return kept;
  }

  const fs::path folder_ =
      fs::temp_directory_path() /
      (std::string("ocelli-session-") +
       testing::UnitTest::GetInstance()->current_test_info()->name());
  const fs::path model_ = folder_ / "sums.onnx";
  const Tensor a_{{1, 2}, std::vector<float>{3, 4}};
  const Tensor b_{{1, 2}, std::vector<float>{1, 1}};
};

TEST_F(SessionTest, RunsWithInputsInAnyOrderAndReturnsTheOutputsAskedFor) {
  const auto session = Session::Open(model_);
  ASSERT_TRUE(session) << session.error().message;
  const NamedTensor inputs[] = {{"b", b_}, {"a", a_}};
  const std::string_view outputs[] = {"difference", "sum"};
  const auto result = (*session)->Run(inputs, outputs);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT((*result)[0].floats(), ElementsAre(2, 3));
  EXPECT_THAT((*result)[1].floats(), ElementsAre(4, 5));
}

TEST_F(SessionTest, TakesAnyBatchWhereTheGraphDoes) {
  const auto session = Session::Open(model_).value();
  EXPECT_THAT(session->inputs()[0].shape, ElementsAre(-1, 2));
  const Tensor batch{{2, 2}, std::vector<float>{1, 2, 3, 4}};
  const NamedTensor inputs[] = {{"a", batch}, {"b", batch}};
  EXPECT_THAT(session->Run(inputs).value()[0].floats(),
              ElementsAre(2, 4, 6, 8));
}

TEST_F(SessionTest, WhoNobodyWaitsForDoesNotRunTheModel) {
  const auto session = Session::Open(model_).value();
  const NamedTensor inputs[] = {{"a", a_}, {"b", b_}};
  std::stop_source stop;
  const WorkScope scope("client", stop.get_token());
  EXPECT_TRUE(session->Run(inputs));
  stop.request_stop();
  const double before = TotalSessionTimes().running;
  EXPECT_EQ(session->Run(inputs).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(TotalSessionTimes().running, before);
}

TEST_F(SessionTest, NoMoreRunAtATimeThanThereAreProcessors) {
  const auto session = Session::Open(model_).value();
  FairSlots& slots = ModelSlots();
  std::vector<FairSlots::Slot> all;
  for (int i = 0; i < slots.slots(); ++i) {
    std::thread([&] { all.push_back(slots.Take().value()); }).join();
  }
  std::thread runner([&] {
    const NamedTensor inputs[] = {{"a", a_}, {"b", b_}};
    EXPECT_TRUE(session->Run(inputs));
  });
  while (slots.waiting() == 0) std::this_thread::yield();
  all.clear();
  runner.join();
  EXPECT_EQ(slots.taken(), 0u);
}

TEST_F(SessionTest, HalfPrecisionIsFloatOutHere) {
  std::ofstream(model_) << SumModel(onnx::TensorProto::FLOAT16);
  const auto session = Session::Open(model_).value();
  EXPECT_EQ(session->inputs()[0].type, "float16");
  const Tensor tenth{{1, 2}, std::vector<float>{.1f, -65504}};
  const NamedTensor inputs[] = {{"a", tenth}, {"b", b_}};
  const auto result = session->Run(inputs);
  ASSERT_TRUE(result) << result.error().message;
  // 0.1 in 11 significant bits; the largest number of the type stays finite.
  EXPECT_THAT((*result)[0].floats(),
              ElementsAre(testing::FloatNear(1.1f, 1e-3f), -65504));
}

TEST_F(SessionTest, AWrongShapeIsNamedWithBothShapes) {
  const auto session = Session::Open(model_).value();
  const Tensor wrong{{1, 3}, std::vector<float>{1, 2, 3}};
  const NamedTensor inputs[] = {{"a", wrong}, {"b", b_}};
  const auto result = session->Run(inputs);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(result.error().message, HasSubstr("float32[1,3]"));
  EXPECT_THAT(result.error().message, HasSubstr("float32[?,2]"));
}

TEST_F(SessionTest, AShapeThatItsValuesDoNotFillIsRefused) {
  const auto session = Session::Open(model_).value();
  const Tensor wrong{{5, 2}, std::vector<float>{1, 2}};
  const NamedTensor inputs[] = {{"a", wrong}, {"b", wrong}};
  EXPECT_EQ(session->Run(inputs).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(SessionTest, AWrongTypeAndAnUnknownNameAreRefused) {
  const auto session = Session::Open(model_).value();
  const Tensor bytes{{1, 2}, std::vector<std::uint8_t>{1, 2}};
  const NamedTensor typed[] = {{"a", bytes}, {"b", b_}};
  EXPECT_EQ(session->Run(typed).error().code, ErrorCode::kInvalidArgument);
  const NamedTensor named[] = {{"a", a_}, {"c", b_}};
  EXPECT_THAT(session->Run(named).error().message,
              HasSubstr("no input is called b"));
}

TEST_F(SessionTest, AFileThatIsNoModelIsDataLoss) {
  std::ofstream(model_) << "not a model";
  EXPECT_EQ(Session::Open(model_).error().code, ErrorCode::kDataLoss);
}

TEST_F(SessionTest, AHalfDownloadedModelIsDataLoss) {
  const std::string whole = SumModel();
  std::ofstream(model_) << whole.substr(0, whole.size() / 2);
  EXPECT_EQ(Session::Open(model_).error().code, ErrorCode::kDataLoss);
}

TEST_F(SessionTest, AMissingFileIsNotFound) {
  EXPECT_EQ(Session::Open(folder_ / "none.onnx").error().code,
            ErrorCode::kNotFound);
}

TEST_F(SessionTest, AnUnknownProviderIsRefusedByName) {
  const auto session = Session::Open(model_, {.provider = "abacus"});
  EXPECT_EQ(session.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(session.error().message, HasSubstr("abacus"));
}

TEST_F(SessionTest, KeepsOneOptimizedGraphAndUsesItAgain) {
  ASSERT_TRUE(Session::Open(model_));
  const auto kept = Kept();
  ASSERT_EQ(kept.size(), 1u);
  const auto written = fs::last_write_time(kept[0]);
  ASSERT_TRUE(Session::Open(model_));
  EXPECT_THAT(Kept(), ElementsAre(kept[0]));
  EXPECT_EQ(fs::last_write_time(kept[0]), written);
}

TEST_F(SessionTest, ADamagedOptimizedGraphIsMadeAnew) {
  ASSERT_TRUE(Session::Open(model_));
  std::ofstream(Kept()[0]) << "damaged";
  const auto session = Session::Open(model_);
  ASSERT_TRUE(session) << session.error().message;
  const NamedTensor inputs[] = {{"a", a_}, {"b", b_}};
  EXPECT_TRUE((*session)->Run(inputs));
  EXPECT_GT(fs::file_size(Kept()[0]), 50u);
}

TEST_F(SessionTest, AChangedModelDropsTheOldOptimizedGraph) {
  ASSERT_TRUE(Session::Open(model_));
  const auto old = Kept();
  fs::last_write_time(model_,
                      fs::last_write_time(model_) + std::chrono::seconds(5));
  ASSERT_TRUE(Session::Open(model_));
  ASSERT_EQ(Kept().size(), 1u);
  EXPECT_NE(Kept(), old);
}

}  // namespace
}  // namespace ocelli
