// Which room may include what: docs/dev/rooms.txt against every #include and
// every DEPENDS below src/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

const fs::path kSource = OCELLI_SOURCE_DIR;

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::string ReadAll(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The header that a line includes, or nothing.
std::string IncludedHeader(const std::string& line) {
  if (!line.starts_with("#include")) return "";
  const auto begin = line.find_first_of("<\"");
  const auto end = line.find_first_of(">\"", begin + 1);
  return end == line.npos ? "" : line.substr(begin + 1, end - begin - 1);
}

struct Rules {
  std::map<std::string, std::set<std::string>> rooms;
  // What a header begins with, and the rooms that may include it.
  std::map<std::string, std::set<std::string>> vendors;
  std::set<std::string> system;

  Rules() {
    std::ifstream lines(kSource / "docs/dev/rooms.txt");
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line.front() == '#') continue;
      const auto colon = std::min(line.find(':'), line.size());
      const auto names = Words(line.substr(0, colon));
      const auto allowed = Words(line.substr(std::min(colon + 1, line.size())));
      const std::set<std::string> to(allowed.begin(), allowed.end());
      for (std::size_t i = 1; i < names.size(); ++i) {
        if (names[0] == "room") rooms[names[i]] = to;
        if (names[0] == "vendor") vendors[names[i]] = to;
        if (names[0] == "system") system.insert(names[i]);
      }
    }
  }
};

bool Matches(const std::string& header, std::string pattern) {
  const bool open = pattern.back() == '/' || pattern.back() == '*';
  if (pattern.back() == '*') pattern.pop_back();
  return open ? header.starts_with(pattern) : header == pattern;
}

// Why `room` may not include `header`, or nothing.
std::string Objection(const Rules& rules, const std::string& room,
                      const std::string& header, bool is_test) {
  for (const auto& [pattern, rooms] : rules.vendors) {
    if (Matches(header, pattern)) {
      return rooms.contains(room) ? "" : "only these rooms may: " + pattern;
    }
  }
  const std::string first = header.substr(0, header.find('/'));
  if (rules.rooms.contains(first)) {
    if (first == room || rules.rooms.at(room).contains(first)) return "";
    return room + " may not use " + first;
  }
  for (const std::string& pattern : rules.system) {
    if (Matches(header, pattern)) return "";
  }
  if (header.find_first_of("./") == header.npos) return "";  // <vector>
  if (is_test && (first == "gtest" || first == "gmock" || first == "benchmark"))
    return "";
  return "docs/dev/rooms.txt does not know it";
}

TEST(LayeringTest, EveryIncludeFollowsTheTable) {
  const Rules rules;
  std::vector<std::string> objections;
  std::size_t includes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kSource / "src")) {
    const std::string suffix = entry.path().extension();
    if (suffix != ".cc" && suffix != ".h") continue;
    const fs::path file = entry.path().lexically_relative(kSource / "src");
    const std::string room = *file.begin(), stem = file.stem();
    if (!rules.rooms.contains(room)) {
      objections.push_back(file.string() + ": no such room");
      continue;
    }
    const bool is_test = stem.ends_with("_test") || stem.ends_with("_bench") ||
                         stem.starts_with("test_");
    std::ifstream lines(entry.path());
    for (std::string line; std::getline(lines, line);) {
      const std::string header = IncludedHeader(line);
      if (header.empty()) continue;
      ++includes;
      const std::string why = Objection(rules, room, header, is_test);
      if (why.empty()) continue;
      objections.push_back(file.string() + " includes " + header + ": " + why);
    }
  }
  EXPECT_THAT(objections, IsEmpty());
  EXPECT_GT(includes, 50u);
}

TEST(LayeringTest, EveryTargetDependsAsTheTableSays) {
  const Rules rules;
  for (const auto& [room, allowed] : rules.rooms) {
    const std::string text = ReadAll(kSource / "src" / room / "CMakeLists.txt");
    const auto module = text.find("ocelli_module(");
    const auto begin = text.find("DEPENDS", module);
    if (begin == text.npos || begin > text.find(')', module)) continue;
    const auto words = Words(text.substr(begin, text.find(')', begin) - begin));
    for (std::size_t i = 1; i < words.size() && words[i] != "LINK"; ++i) {
      EXPECT_TRUE(allowed.contains(words[i]))
          << room << " depends on " << words[i];
    }
  }
}

TEST(LayeringTest, TheTableHasNoCircle) {
  const Rules rules;
  ASSERT_GE(rules.rooms.size(), 20u);
  for (const auto& [room, allowed] : rules.rooms) {
    for (const std::string& other : allowed) {
      ASSERT_TRUE(rules.rooms.contains(other)) << other;
      EXPECT_FALSE(rules.rooms.at(other).contains(room))
          << room << " and " << other << " may use each other";
    }
  }
}

TEST(LayeringTest, TheRulesBite) {
  const Rules rules;
  EXPECT_EQ(Objection(rules, "faces", "models/model_store.h", false), "");
  EXPECT_NE(Objection(rules, "models", "faces/gallery.h", false), "");
  EXPECT_NE(Objection(rules, "faces", "embed/embedder.h", false), "");
  EXPECT_EQ(Objection(rules, "sqlite", "sqlite3.h", false), "");
  EXPECT_NE(Objection(rules, "cache", "sqlite3.h", false), "");
  EXPECT_NE(Objection(rules, "cli", "onnxruntime_cxx_api.h", false), "");
  EXPECT_NE(Objection(rules, "core", "gtest/gtest.h", false), "");
  EXPECT_EQ(Objection(rules, "core", "gtest/gtest.h", true), "");
  EXPECT_NE(Objection(rules, "core", "new_vendor.h", false), "");
}

}  // namespace
