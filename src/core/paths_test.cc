#include "core/paths.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace ocelli {
namespace {

// Sets a variable, or removes it, until it goes out of scope.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    Set(value);
  }
  ~ScopedVariable() { Set(old_ ? old_->c_str() : nullptr); }

 private:
  void Set(const char* value) {
    if (value) {
      ::setenv(name_, value, 1);
    } else {
      ::unsetenv(name_);
    }
  }

  const char* name_;
  std::optional<std::string> old_;
};

TEST(PathsTest, XdgVariablesDecide) {
  const ScopedVariable data("XDG_DATA_HOME", "/big/data");
  const ScopedVariable cache("XDG_CACHE_HOME", "/fast/cache");
  const Paths paths = FindPaths(std::nullopt);
  EXPECT_EQ(paths.data, "/big/data/ocelli");
  EXPECT_EQ(paths.cache, "/fast/cache/ocelli");
  EXPECT_EQ(paths.models(), "/big/data/ocelli/models");
  EXPECT_EQ(paths.demo(), "/big/data/ocelli/demo");
  EXPECT_EQ(paths.gallery(), "/big/data/ocelli/people.sqlite");
  EXPECT_EQ(paths.access(), "/big/data/ocelli/access.sqlite");
  EXPECT_EQ(paths.results(), "/fast/cache/ocelli/results.sqlite");
}

TEST(PathsTest, WithoutThemItIsBelowHome) {
  const ScopedVariable home("HOME", "/home/ada");
  // The specification: a relative path is to be ignored.
  for (const char* value : {static_cast<const char*>(nullptr), "", "data"}) {
    const ScopedVariable data("XDG_DATA_HOME", value);
    const ScopedVariable cache("XDG_CACHE_HOME", value);
    const Paths paths = FindPaths(std::nullopt);
    EXPECT_EQ(paths.data, "/home/ada/.local/share/ocelli");
    EXPECT_EQ(paths.cache, "/home/ada/.cache/ocelli");
  }
}

TEST(PathsTest, ARootMovesBoth) {
  const Paths paths = FindPaths("/mnt/ocelli");
  EXPECT_EQ(paths.data, "/mnt/ocelli");
  EXPECT_EQ(paths.cache, "/mnt/ocelli/cache");
}

}  // namespace
}  // namespace ocelli
