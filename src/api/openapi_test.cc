#include "api/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "api/test_operations.h"
#include "core/ascii.h"

namespace ocelli {
namespace {

using nlohmann::json;

const OperationTable& Operations() {
  static const OperationTable table = AllOperations({});
  return table;
}

std::string Generated() {
  return OpenApiJson(MakeRestRoutes(Operations()), "1");
}

TEST(OpenApiTest, DescribesEveryRouteAndNoOther) {
  std::set<std::string> wanted;
  for (const RestRoute& route : MakeRestRoutes(Operations())) {
    EXPECT_TRUE(wanted.insert(route.path + " " + LowerCase(route.verb)).second)
        << "twice: " << route.verb << " " << route.path;
  }
  std::set<std::string> described;
  const json document = json::parse(Generated());
  for (const auto& [path, verbs] : document["paths"].items()) {
    for (const auto& [verb, operation] : verbs.items()) {
      described.insert(path + " " + verb);
      EXPECT_NE(operation["summary"], "");
    }
  }
  EXPECT_EQ(described, wanted);
}

void CheckReferences(const json& node, const json& document) {
  if (node.is_object() && node.contains("$ref")) {
    const std::string reference = node["$ref"];
    ASSERT_TRUE(reference.starts_with("#/")) << reference;
    EXPECT_TRUE(document.contains(json::json_pointer(reference.substr(1))))
        << reference;
  }
  for (const auto& child : node) {
    if (child.is_structured()) CheckReferences(child, document);
  }
}

TEST(OpenApiTest, EveryReferenceLeadsSomewhere) {
  const json document = json::parse(Generated());
  EXPECT_EQ(document["openapi"], "3.1.0");
  CheckReferences(document, document);
}

TEST(OpenApiTest, OperationsHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  const json document = json::parse(Generated());
  for (const auto& path : document["paths"]) {
    for (const auto& operation : path) {
      EXPECT_TRUE(names.insert(operation["operationId"]).second)
          << operation["operationId"];
    }
  }
}

TEST(OpenApiTest, SaysWhoMayAndWhatIsTaken) {
  const json paths = json::parse(Generated())["paths"];
  EXPECT_EQ(paths["/healthz"]["get"]["security"], json::array());
  const json& recognize = paths["/v1/recognize"]["post"];
  EXPECT_EQ(recognize["x-ocelli-needs"], "read");
  EXPECT_EQ(recognize["security"].size(), 2u);
  for (const char* type : {"application/json", "image/*",
                           "application/octet-stream", "multipart/form-data"}) {
    EXPECT_TRUE(recognize["requestBody"]["content"].contains(type)) << type;
  }
  EXPECT_TRUE(
      paths["/v1/faces/{id}/picture"]["get"]["responses"]["200"]["content"]
          .contains("image/*"));
  EXPECT_FALSE(
      paths["/v1/people/{name}"]["delete"]["responses"]["204"].contains(
          "content"));
}

// Who uses the service reads the copy; a change of the contract shows in it.
TEST(OpenApiTest, TheCopyInDocsIsUpToDate) {
  const std::string file =
      std::string(OCELLI_SOURCE_DIR) + "/docs/openapi.json";
  const std::string generated = Generated();
  if (std::getenv("OCELLI_UPDATE_DOCS")) {
    std::ofstream(file, std::ios::binary) << generated;
  }
  std::ifstream stream(file, std::ios::binary);
  const std::string copy{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_TRUE(copy == generated)
      << "run OCELLI_UPDATE_DOCS=1 build/dev/src/api/api_test "
         "--gtest_filter=OpenApiTest.* to update docs/openapi.json";
}

}  // namespace
}  // namespace ocelli
