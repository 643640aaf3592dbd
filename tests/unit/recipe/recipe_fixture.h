// A folder of recipe files for a test, and the messages that loading them gives.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "recipe/recipe.h"

namespace regroup {

class RecipeFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        (std::filesystem::temp_directory_path() /
         absl::StrCat("regroup_recipe_", info->test_suite_name(), "_", info->name(), "_", getpid()))
            .string();
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = JoinPath(folder_, name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    EXPECT_TRUE(WriteFileAtomically(path, text).ok());
    return path;
  }

  std::string Path(const std::string& name) const { return JoinPath(folder_, name); }

  // Problems as "file:line: key: message" lines, the folder's name taken away.
  std::vector<std::string> Messages(const std::string& text,
                                    const std::vector<std::string>& sets = {}) {
    const LoadedRecipe loaded = LoadRecipe(Write("r.yaml", text), sets);
    std::vector<std::string> lines;
    for (const Problem& problem : loaded.problems.list()) {
      std::string line = absl::StrCat(problem.place, ": ", problem.message);
      for (size_t at = line.find(folder_ + "/"); at != std::string::npos;
           at = line.find(folder_ + "/")) {
        line.erase(at, folder_.size() + 1);
      }
      lines.push_back(line);
    }
    return lines;
  }

  std::string folder_;
};

}  // namespace regroup
