// Tiny models and temporary folders for the tests of `checkpoint`.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "core/json.h"

namespace regroup {

// A folder of its own for each test, removed at the end.
class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = (std::filesystem::temp_directory_path() /
             (std::string("regroup_") + info->test_suite_name() + "_" + info->name() + "_" +
              std::to_string(::getpid())))
                .string();
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string Path(const std::string& name) const { return JoinPath(root_, name); }

  std::string root_;
};

inline T5Config TinyConfig(bool tied = false) {
  T5Config config;
  config.vocab_size = 40;
  config.d_model = 16;
  config.d_kv = 4;
  config.d_ff = 24;
  config.num_layers = 1;
  config.num_decoder_layers = 2;
  config.num_heads = 4;
  config.feed_forward = tied ? "relu" : "gated-gelu";
  config.tied_embeddings = config.scale_decoder_outputs = tied;
  config.SetMultiHead();
  return config;
}

inline HfSave Saving(const T5Config& config, const StateDict& weights) {
  HfSave save;
  save.config = &config;
  save.weights = &weights;
  return save;
}

inline void WriteModel(const std::string& folder, const T5Config& config,
                       const StateDict& weights) {
  const absl::Status saved = SaveHfFolder(folder, Saving(config, weights));
  ASSERT_TRUE(saved.ok()) << saved;
}

// Changes keys of config.json; a null value removes the key.
inline void EditConfig(const std::string& folder, const Json& changes) {
  const std::string path = JoinPath(folder, "config.json");
  Json json = ReadJsonFile(path).value();
  for (const auto& [key, value] : changes.items()) {
    if (value.is_null()) {
      json.erase(key);
    } else {
      json[key] = value;
    }
  }
  std::ofstream(path) << json.dump();
}

inline std::string Message(const absl::Status& status) { return std::string(status.message()); }

}  // namespace regroup
