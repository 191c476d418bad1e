// What must not be written anywhere in the repository.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Registries are a setting of npm and apt: naming one would break who uses a
// mirror. A machine's own paths mean nothing elsewhere.
const std::string kForbidden[] = {"npmjs.org",
                                  "npmjs.com",
                                  "npmmirror.com",
                                  "yarnpkg.com",
                                  "unpkg.com",
                                  "jsdelivr.net",
                                  "deb.debian.org",
                                  "ftp.debian.org",
                                  "security.debian.org",
                                  "snapshot.debian.org",
                                  "/var/tmp/",
                                  "\"/work/",
                                  " /work/",
                                  "=/work/",
                                  "(/work/"};

bool IsForbidden(const std::string& line) {
  return std::any_of(
      std::begin(kForbidden), std::end(kForbidden),
      [&](const std::string& text) { return line.find(text) != line.npos; });
}

bool IsOurs(const fs::path& path) {
  const std::string name = path.filename();
  return name != ".git" && name != "build" && name != "out" &&
         name != ".cache" && name != "node_modules" &&
         name != "hygiene_test.cc";
}

TEST(HygieneTest, NoRegistryHostAndNoPathOfAMachine) {
  std::vector<std::string> found;
  std::size_t files = 0;
  const fs::path root = OCELLI_SOURCE_DIR;
  for (fs::recursive_directory_iterator it(root), end; it != end; ++it) {
    if (!IsOurs(it->path())) {
      it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file() || it->file_size() > (1 << 20)) continue;
    ++files;
    std::ifstream stream(it->path());
    std::size_t number = 0;
    for (std::string line; std::getline(stream, line);) {
      ++number;
      if (IsForbidden(line)) {
        found.push_back(it->path().lexically_relative(root).string() + ":" +
                        std::to_string(number) + ": " + line);
      }
    }
  }
  EXPECT_THAT(found, IsEmpty());
  EXPECT_GT(files, 50u);
}

TEST(HygieneTest, TheRuleBites) {
  for (const std::string& text : kForbidden) {
    EXPECT_TRUE(IsForbidden("see " + text + "x")) << text;
  }
  EXPECT_FALSE(IsForbidden("a folder called src/work/ is fine"));
}

unsigned char Byte(char c) { return static_cast<unsigned char>(c); }

// The functions that a header declares or defines in our namespace itself, as
// "Name(parameters)". What is in a class is indented, in our style.
std::set<std::string> FunctionsOf(const std::string& header) {
  std::set<std::string> functions;
  for (std::size_t open = header.find('('); open != header.npos;
       open = header.find('(', open + 1)) {
    const std::size_t end = header.find_first_of(";{", open);
    const std::size_t close = header.find(')', open);
    const std::size_t line = header.rfind('\n', open) + 1;
    std::size_t name = open;
    while (name > line && (std::isalnum(Byte(header[name - 1])) != 0)) --name;
    if (close >= end || name == open || std::isupper(Byte(header[name])) == 0 ||
        std::isalpha(Byte(header[line])) == 0) {
      continue;
    }
    std::string function = header.substr(name, open - name);
    for (std::size_t at = open; at <= close; ++at) {
      if (std::isspace(Byte(header[at])) == 0) {
        function += header[at];
      } else if (function.back() != ' ') {
        function += ' ';
      }
    }
    functions.insert(std::move(function));
  }
  return functions;
}

// The classes that a header defines in our namespace itself.
std::set<std::string> ClassesOf(const std::string& header) {
  std::set<std::string> classes;
  for (const char* word : {"\nclass ", "\nstruct "}) {
    for (std::size_t at = header.find(word); at != header.npos;
         at = header.find(word, at + 1)) {
      const std::size_t name = at + std::string(word).size();
      const std::size_t end = header.find_first_of(" ;{:<", name);
      if (header.find_first_of(";{", end) < header.size() &&
          header[header.find_first_of(";{", end)] == '{') {
        classes.insert(header.substr(name, end - name));
      }
    }
  }
  return classes;
}

// The linker takes one of two functions of the same name and parameters, or one
// member of two classes of the same name, for both, though they live in rooms
// that never meet, and says nothing where one of them is inline.
TEST(HygieneTest, NoTwoHeadersDeclareTheSame) {
  std::map<std::string, std::string> where;
  std::vector<std::string> twice;
  const fs::path root = fs::path(OCELLI_SOURCE_DIR) / "src";
  for (const auto& file : fs::recursive_directory_iterator(root)) {
    if (file.path().extension() != ".h") continue;
    std::ifstream stream(file.path());
    const std::string header{std::istreambuf_iterator<char>(stream), {}};
    const std::string name = file.path().lexically_relative(root);
    // Never in the program.
    if (name.find("/test_") != name.npos) continue;
    std::set<std::string> names = FunctionsOf(header);
    names.merge(ClassesOf(header));
    for (const std::string& declared : names) {
      const auto [found, is_new] = where.emplace(declared, name);
      if (!is_new) {
        twice.push_back(found->second + " and " + name + ": " + declared);
      }
    }
  }
  EXPECT_THAT(twice, IsEmpty());
  EXPECT_GT(where.size(), 300u);
}

TEST(HygieneTest, ClassesOfHeadersAreSeen) {
  EXPECT_THAT(ClassesOf("\nclass One;\nclass Two {\n};\n"
                        "struct Three : Two {\n};\n  struct Inner {\n  };\n"
                        "class Four final {\n};\n"),
              ElementsAre("Four", "Three", "Two"));
}

TEST(HygieneTest, FunctionsOfHeadersAreSeen) {
  EXPECT_THAT(
      FunctionsOf("int One(std::string_view text);\n"
                  "inline std::optional<int> Two(int a,\n"
                  "                              int b) {\n"
                  "  return Three(a);\n}\n"
                  "class Four {\n  int Five(int a);\n};\n"
                  "Result<std::vector<std::string>>\nSix();\n"),
      ElementsAre("One(std::string_view text)", "Six()", "Two(int a, int b)"));
}

TEST(HygieneTest, EveryRoomSaysWhatItIsInFortyLines) {
  for (const auto& room :
       fs::directory_iterator(fs::path(OCELLI_SOURCE_DIR) / "src")) {
    std::ifstream readme(room.path() / "README.md");
    const auto lines = std::count(std::istreambuf_iterator<char>(readme),
                                  std::istreambuf_iterator<char>(), '\n');
    EXPECT_GT(lines, 0) << room.path();
    EXPECT_LE(lines, 40) << room.path();
  }
}

}  // namespace
