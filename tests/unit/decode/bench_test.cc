// The bench's object: keys, shares of K/V bytes, order, plausible spreads.
#include "decode/bench.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "checkpoint/hf_folder.h"

namespace regroup {
namespace {

std::string WriteModel(const std::string& name, int64_t groups) {
  T5Config c;
  c.vocab_size = 128;
  c.d_model = 32;
  c.d_kv = 8;
  c.d_ff = 40;
  c.num_layers = c.num_decoder_layers = 2;
  c.num_heads = 8;
  c.kv_heads = {{8, 8}, {groups, groups}, {groups, groups}};
  const StateDict weights = InitializeWeights(c, 1);
  HfSave save;
  save.config = &c;
  save.weights = &weights;
  const std::string folder = testing::TempDir() + "regroup_bench_" + name;
  std::filesystem::remove_all(folder);
  const absl::Status status = SaveHfFolder(folder, save);
  EXPECT_TRUE(status.ok()) << status;
  return folder;
}

std::vector<std::string> Keys(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

TEST(BenchDecode, PutsModelsSideBySideUnderTheContractsKeys) {
  const std::vector<std::string> folders = {WriteModel("mha", 8), WriteModel("gqa", 2),
                                            WriteModel("mqa", 1)};
  DecodeBenchOptions options;
  options.batch = 4;
  options.source = 24;
  options.target = 6;
  options.repeats = 2;
  const absl::StatusOr<Json> bench = BenchDecode(folders, options);
  ASSERT_TRUE(bench.ok()) << bench.status();
  EXPECT_EQ(Keys((*bench)["machine"]),
            (std::vector<std::string>{"cpu", "threads", "isa", "read_gb_per_s", "gemm_tflops"}));
  const Json& models = (*bench)["models"];
  ASSERT_EQ(models.size(), 3u);
  const std::vector<int64_t> groups = {8, 2, 1};
  for (size_t i = 0; i < 3; ++i) {
    const Json& m = models[i];
    EXPECT_EQ(Keys(m),
              (std::vector<std::string>{"path", "kv_heads", "precision", "batch", "beams", "source",
                                        "target", "encoder_ms", "step_ms", "ms_per_sample",
                                        "tokens_per_second", "floor_step_ms",
                                        "kv_bytes_per_position", "kv_bytes", "peak_rss_bytes"}));
    EXPECT_EQ(m["path"], folders[i]);
    EXPECT_EQ(m["kv_heads"]["cross"], groups[i]);
    EXPECT_EQ(m["kv_bytes"].get<int64_t>() * 8, models[0]["kv_bytes"].get<int64_t>() * groups[i]);
    EXPECT_LE(m["step_ms"]["p10"].get<double>(), m["step_ms"]["median"].get<double>());
    EXPECT_LE(m["step_ms"]["median"].get<double>(), m["step_ms"]["p90"].get<double>());
    EXPECT_GT(m["floor_step_ms"].get<double>(), 0);
    EXPECT_GT(m["peak_rss_bytes"].get<int64_t>(), 1 << 20);
  }
  EXPECT_NE(DecodeBenchTable(*bench).find(folders[2]), std::string::npos);
}

TEST(BenchDecode, NamesAFolderThatIsNotThere) {
  EXPECT_EQ(ExitCode(BenchDecode({"no/such/folder"}, {}).status()), 2);
  EXPECT_EQ(ExitCode(BenchDecode({}, {}).status()), 2);
}

}  // namespace
}  // namespace regroup
