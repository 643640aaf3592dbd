// A tiny T5 in a folder and rows of ids, for the tests of this folder.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "checkpoint/hf_folder.h"
#include "core/random.h"
#include "model/t5.h"

namespace regroup {

inline T5Config TinyConfig() {
  T5Config c;
  c.vocab_size = 64;
  c.d_model = 16;
  c.d_kv = 4;
  c.d_ff = 24;
  c.num_layers = c.num_decoder_layers = 2;
  c.num_heads = 4;
  c.kv_heads = {{4, 4}, {2, 2}, {1, 1}};
  return c;
}

inline StateDict TinyWeights(const T5Config& config) {
  StateDict weights = InitializeWeights(config, 11);
  weights["lm_head.weight"] = weights["lm_head.weight"] * 4.0;
  return weights;
}

// A fresh folder of this test.
inline std::string TestFolder() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::string path =
      testing::TempDir() + "regroup_" + info->test_suite_name() + "_" + info->name();
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

inline std::string WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

inline std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string WriteTinyModel(const std::string& folder, const StateDict& weights) {
  const T5Config config = TinyConfig();
  HfSave save;
  save.config = &config;
  save.weights = &weights;
  const absl::Status status = SaveHfFolder(folder, save);
  EXPECT_TRUE(status.ok()) << status;
  return folder;
}

inline std::vector<Example> TinyExamples(size_t count) {
  std::vector<Example> examples;
  for (size_t i = 0; i < count; ++i) {
    CounterRng rng(3, RandomPurpose::kTest, i);
    Example& example = examples.emplace_back();
    example.position = i;
    for (uint64_t n = 1 + rng.Below(20); n > 0; --n)
      example.input_ids.push_back(static_cast<int32_t>(rng.Below(64)));
    for (uint64_t n = 1 + rng.Below(9); n > 0; --n)
      example.target_ids.push_back(static_cast<int32_t>(rng.Below(64)));
  }
  return examples;
}

inline std::string RowLines(const std::vector<Example>& examples) {
  std::string lines;
  for (size_t i = 0; i < examples.size(); ++i) {
    const Json row = {{"id", "row " + std::to_string(i)},
                      {"input_ids", examples[i].input_ids},
                      {"target_ids", examples[i].target_ids}};
    lines += DumpJson(row) + "\n";
  }
  return lines;
}

}  // namespace regroup
