// Conversion and export from folder to folder: what the new folder says and computes.
#include "pipeline/export_folder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "model/t5.h"
#include "pipeline/convert_folder.h"

namespace regroup {
namespace {

using ::testing::HasSubstr;

class ExportFolders : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = (std::filesystem::temp_directory_path() /
             (std::string("regroup_export_") + info->name() + std::to_string(::getpid())))
                .string();
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string Path(const std::string& name) const { return JoinPath(root_, name); }

  // A parent with the given head; saved under "parent".
  void WriteParent(bool tied, bool scaled) {
    T5Config config;
    config.vocab_size = 32;
    config.d_model = 16;
    config.d_kv = 4;
    config.d_ff = 24;
    config.num_layers = config.num_decoder_layers = 1;
    config.num_heads = 4;
    config.tied_embeddings = tied;
    config.scale_decoder_outputs = scaled;
    config.SetMultiHead();
    const StateDict weights = InitializeWeights(config, 1);
    HfSave save;
    save.config = &config;
    save.weights = &weights;
    save.provenance = {{"pretraining", {{"original_steps", 800}}}};
    ASSERT_TRUE(SaveHfFolder(Path("parent"), save).ok());
  }

  absl::StatusOr<ConversionReport> Convert(const Json& kv_heads) {
    ConvertFolderOptions options{Path("parent"), Path("grouped"), {}};
    options.convert.kv_heads = kv_heads;
    REGROUP_ASSIGN_OR_RETURN(const ConvertOutcome outcome, ConvertFolder(options));
    return outcome.report;
  }

  std::string root_;
};

at::Tensor Logits(const HfModel& model) {
  const at::NoGradGuard no_grad;
  BatchTensors batch;
  batch.source_ids_bs = at::arange(2, 9, at::kLong).view({1, 7});
  batch.source_mask_bs = at::ones({1, 7}, at::kBool);
  batch.target_in_bt = at::arange(0, 5, at::kLong).view({1, 5});
  batch.target_out_bt = at::arange(1, 6, at::kLong).view({1, 5});
  batch.target_mask_bt = at::ones({1, 5}, at::kBool);
  batch.positions_b = {0};
  batch.target_tokens = 5;
  const T5Model t5(model.config, model.weights, at::kFloat);
  return t5.DecodeLogits(t5.Encode(batch), batch);
}

double Difference(const HfModel& a, const HfModel& b) {
  const at::Tensor x = Logits(a), y = Logits(b);
  return ((x - y).abs().max() / x.pow(2).mean().sqrt()).item<double>();
}

TEST_F(ExportFolders, ConversionKeepsTheSourcesProvenanceAndAddsItsOwn) {
  WriteParent(false, false);
  const auto report = Convert(2);
  ASSERT_TRUE(report.ok()) << report.status();
  const HfModel grouped = LoadHfFolder(Path("grouped")).value();
  EXPECT_EQ(grouped.config.kv_heads, (KvHeads{{4}, {2}, {2}}));
  EXPECT_EQ(grouped.provenance["pretraining"]["original_steps"], 800);
  const Json& entry = grouped.provenance["conversions"][0];
  EXPECT_EQ(entry["source_hash"], HashWeights(LoadHfFolder(Path("parent")).value().weights));
  EXPECT_EQ(entry["config"]["method"], "mean");
  EXPECT_EQ(entry["config"]["kv_heads"], 2);
}

TEST_F(ExportFolders, ARefusedConversionWritesNothing) {
  WriteParent(false, false);
  EXPECT_EQ(ExitCode(Convert(3).status()), 2);
  EXPECT_FALSE(FolderExists(Path("grouped")));
  ConvertFolderOptions onto_itself{Path("parent"), Path("parent"), {}};
  onto_itself.overwrite = true;
  onto_itself.convert.kv_heads = 2;
  EXPECT_THAT(std::string(ConvertFolder(onto_itself).status().message()), HasSubstr("the source"));
  EXPECT_EQ(LoadHfFolder(Path("parent")).value().config.kv_heads.cross, std::vector<int64_t>{4});
}

TEST_F(ExportFolders, TheCompactFormSaysWhoLoadsIt) {
  WriteParent(false, false);
  ASSERT_TRUE(Convert(2).ok());
  const auto written = ExportFolder({Path("grouped"), Path("compact"), false, false});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ((*written)["form"], "grouped");
  EXPECT_THAT(ReadFile(Path("compact/README.md")).value(), HasSubstr("--expand-kv"));
  EXPECT_EQ(ReadJsonFile(Path("compact/config.json")).value()["num_key_value_heads"], 2);
  EXPECT_EQ(
      Difference(LoadHfFolder(Path("compact")).value(), LoadHfFolder(Path("grouped")).value()),
      0.0);
}

TEST_F(ExportFolders, TheExpandedFormIsAPlainT5ThatComputesTheSame) {
  WriteParent(true, true);
  ASSERT_TRUE(Convert({{"decoder_self", 1}, {"cross", 2}}).ok());
  const auto written = ExportFolder({Path("grouped"), Path("expanded"), true, false});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ((*written)["form"], "multi-head");
  const Json config = ReadJsonFile(Path("expanded/config.json")).value();
  EXPECT_FALSE(config.contains("kv_heads"));
  EXPECT_FALSE(config.contains("num_key_value_heads"));
  EXPECT_FALSE(FileExists(Path("expanded/README.md")));
  const HfModel grouped = LoadHfFolder(Path("grouped")).value(),
                expanded = LoadHfFolder(Path("expanded")).value();
  EXPECT_LT(Difference(grouped, expanded), 1e-5);
  EXPECT_GT(Difference(LoadHfFolder(Path("parent")).value(), expanded), 1e-3)
      << "the control: the parent differs";
}

TEST_F(ExportFolders, HeadsThatTransformersFourCannotExpressAreRewritten) {
  for (const bool tied : {true, false}) {
    std::filesystem::remove_all(root_);
    WriteParent(tied, !tied);
    const auto written = ExportFolder({Path("parent"), Path("exported"), false, false});
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ((*written)["notes"].size(), 1U);
    const HfModel parent = LoadHfFolder(Path("parent")).value(),
                  exported = LoadHfFolder(Path("exported")).value();
    EXPECT_EQ(parent.config.tied_embeddings, tied);
    EXPECT_FALSE(exported.config.tied_embeddings);
    EXPECT_FALSE(exported.config.scale_decoder_outputs);
    EXPECT_LT(Difference(parent, exported), 1e-5);
  }
}

}  // namespace
}  // namespace regroup
