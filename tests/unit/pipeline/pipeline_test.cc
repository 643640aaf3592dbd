// Run folder, identities, lineage and plan: everything of a run that needs no training.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "model/published_config.h"
#include "pipeline/device.h"
#include "pipeline/identity.h"
#include "pipeline/lineage.h"
#include "pipeline/plan.h"
#include "pipeline/run_folder.h"
#include "pipeline/sentences.h"

namespace regroup {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Pipeline : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = (std::filesystem::temp_directory_path() /
               absl::StrCat("regroup_pipeline_",
                            ::testing::UnitTest::GetInstance()->current_test_info()->name(), "_",
                            getpid()))
                  .string();
    std::filesystem::create_directories(folder_);
    Write("a.txt", "one line\nanother line\n");
    Write("b.txt", "held out\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = JoinPath(folder_, name);
    EXPECT_TRUE(WriteFileAtomically(path, text).ok());
    return path;
  }

  // Parent, GQA-2, its uptraining and a second one; `sets` on top.
  Recipe Load(const std::vector<std::string>& sets = {}) {
    LoadedRecipe loaded = LoadRecipe(
        Write("r.yaml",
              "name: t\n"
              "tokenizer: {train: {files: [a.txt], vocab_size: 300}}\n"
              "corpora: {prose: {files: a.txt, format: text}, held: {files: b.txt, format: text}}\n"
              "stages:\n"
              "  parent: {pretrain: {model: {d_model: 64, d_kv: 16, d_ff: 64, num_heads: 4, "
              "num_layers: 2, num_decoder_layers: 2},\n"
              "    data: {mixture: {prose: 1}, source_length: 64}, steps: 800, batch: {examples: "
              "8},\n"
              "    optimizer: {learning_rate: {schedule: rsqrt}}, validate: {corpus: held}}}\n"
              "  gqa: {convert: {from: parent, kv_heads: 2}}\n"
              "  up: {uptrain: {from: gqa, alpha: 5%, evaluate_at: [0, 1%, 2.5%, 5%]}}\n"
              "  again: {uptrain: {from: up, alpha: 0.1%}}\n"),
        sets);
    EXPECT_EQ(loaded.problems.ToStatus(), absl::OkStatus());
    return std::move(loaded.recipe);
  }

  std::string folder_;
};

TEST_F(Pipeline, ASecondRunInTheSameFolderIsRefusedWithTheProcessId) {
  const auto first = RunFolder::Open(JoinPath(folder_, "run"));
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = RunFolder::Open(JoinPath(folder_, "run"));
  EXPECT_EQ(ExitCode(second.status()), 2);
  EXPECT_THAT(second.status().message(), HasSubstr(absl::StrCat("process ", getpid())));
}

TEST_F(Pipeline, TheLockGoesWithTheRun) {
  { ASSERT_TRUE(RunFolder::Open(JoinPath(folder_, "run")).ok()); }
  EXPECT_TRUE(RunFolder::Open(JoinPath(folder_, "run")).ok());
}

TEST_F(Pipeline, ARunDoesNotReplaceSomebodysRecipe) {
  Write("recipe.yaml", "name: mine\n");
  const absl::Status status = RunFolder::Open(folder_).status();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_THAT(status.message(), HasSubstr("holds a recipe.yaml that no run wrote"));
  EXPECT_FALSE(FileExists(JoinPath(folder_, ".lock")));
}

TEST_F(Pipeline, AStageIsFinishedOnlyOnceItsResultIsWritten) {
  const auto run = RunFolder::Open(JoinPath(folder_, "run"));
  ASSERT_TRUE(run.ok());
  const StageIdentity identity{"pretrain", Json{{"steps", 800}}, Json::object()};
  EXPECT_FALSE((*run)->Recorded("p")->has_value());
  ASSERT_TRUE((*run)->Begin("p", identity).ok());
  EXPECT_FALSE((*run)->Recorded("p")->has_value()) << "begun without a step: it begins anew";
  ASSERT_TRUE(MakeFolders((*run)->StageFolder("p") + "/step-00000005").ok());
  EXPECT_TRUE((*run)->Recorded("p")->has_value());
  EXPECT_FALSE((*run)->Result("p")->has_value());
  ASSERT_TRUE((*run)->Finish("p", identity, Json{{"model", "step-00000005"}}, 1.0).ok());
  EXPECT_EQ((**(*run)->Result("p"))["model"], "step-00000005");
  EXPECT_EQ((*(*run)->Recorded("p"))->Hash(), identity.Hash());
}

TEST_F(Pipeline, AFinishedStageWhoseModelIsGoneNamesItAndRedo) {
  const auto run = RunFolder::Open(JoinPath(folder_, "run"));
  const StageIdentity identity{"convert", Json::object(), Json::object()};
  ASSERT_TRUE((*run)->Begin("p", identity).ok());
  ASSERT_TRUE((*run)->Finish("p", identity, Json{{"model", "model"}}, 1.0).ok());
  const absl::Status status = (*run)->Result("p").status();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_THAT(status.message(), HasSubstr("--redo p"));
}

TEST_F(Pipeline, ADamagedRecordIsNamedWhateverTheDamage) {
  const auto run = RunFolder::Open(JoinPath(folder_, "run"));
  const StageIdentity identity{"bench", Json::object(), Json::object()};
  ASSERT_TRUE((*run)->Begin("p", identity).ok());
  ASSERT_TRUE((*run)->Finish("p", identity, Json{{"ms", 12}}, 1.0).ok());
  const std::string path = (*run)->StageFolder("p") + "/stage.json";
  const std::string good = *ReadFile(path);
  std::string changed = good;
  changed.replace(changed.find("12"), 2, "13");
  for (const std::string& text : {changed, std::string("{\"kind\": \"be"), std::string("{}"),
                                  std::string("[1]"), std::string()}) {
    ASSERT_TRUE(WriteFileAtomically(path, text).ok());
    for (const absl::Status& status :
         {(*run)->Result("p").status(), (*run)->Recorded("p").status()}) {
      EXPECT_EQ(ExitCode(status), 2) << text;
      EXPECT_THAT(status.message(), HasSubstr("--redo p"));
    }
  }
  ASSERT_TRUE(WriteFileAtomically(path, good).ok());
  EXPECT_TRUE((*run)->Result("p").ok());
}

TEST_F(Pipeline, CheckpointsWithoutARecordAreNotGoneOnWith) {
  const auto run = RunFolder::Open(JoinPath(folder_, "run"));
  ASSERT_TRUE(MakeFolders((*run)->StageFolder("p") + "/step-00000005").ok());
  EXPECT_THAT((*run)->Recorded("p").status().message(), HasSubstr("no record"));
}

TEST_F(Pipeline, ARedoIsRememberedUntilTheRunHasEnded) {
  const auto run = RunFolder::Open(JoinPath(folder_, "run"));
  EXPECT_THAT(*(*run)->PendingRedo(), ElementsAre());
  ASSERT_TRUE((*run)->NoteRedo({"a", "b"}).ok());
  EXPECT_THAT(*(*run)->PendingRedo(), ElementsAre("a", "b"));
  ASSERT_TRUE((*run)->ForgetRedo().ok());
  EXPECT_THAT(*(*run)->PendingRedo(), ElementsAre());
}

TEST_F(Pipeline, KeptOptimizerStateComesFromWhatWasConverted) {
  const Recipe recipe = Load();
  EXPECT_EQ(*TrainedSourceOf(recipe, "gqa"), "parent");
  EXPECT_EQ(*TrainedSourceOf(recipe, "up"), "up");
  const absl::Status none = TrainedSourceOf(recipe, folder_ + "/").status();
  EXPECT_EQ(ExitCode(none), 2);
  EXPECT_THAT(none.message(), HasSubstr("optimizer_state: keep"));
}

TEST_F(Pipeline, MovingAsideNeverOverwrites) {
  const auto run = RunFolder::Open(JoinPath(folder_, "run"));
  ASSERT_TRUE(run.ok());
  for (const char* name : {"p.old-1", "p.old-2"}) {
    ASSERT_TRUE((*run)->Begin("p", {"bench", Json::object(), Json::object()}).ok());
    EXPECT_EQ(BaseName(*(*run)->MoveAside("p")), name);
  }
  EXPECT_FALSE(FolderExists((*run)->StageFolder("p")));
}

TEST_F(Pipeline, ChangedKeysAreNamedWithBothValues) {
  const StageIdentity before{"pretrain", Json{{"steps", 800}, {"batch", {{"examples", 8}}}},
                             Json{{"seed", 1}}};
  const StageIdentity now{"pretrain", Json{{"steps", 900}, {"batch", {{"examples", 8}}}},
                          Json{{"seed", 1}, {"x", 2}}};
  EXPECT_THAT(ChangedKeys(before, now),
              ElementsAre("config.steps: 800 -> 900", "inputs.x: absent -> 2"));
}

std::string HashOf(const Recipe& recipe, const std::string& stage) {
  const auto identities = StageIdentities(recipe);
  EXPECT_TRUE(identities.ok()) << identities.status();
  return identities->at(stage).Hash();
}

TEST_F(Pipeline, LoggingAndRetentionDoNotChangeAStagesHashButResultsDo) {
  const std::string base = HashOf(Load(), "parent");
  EXPECT_EQ(base, HashOf(Load({"stages.parent.pretrain.log_every=3",
                               "stages.parent.pretrain.save.keep_last=9", "device=cpu"}),
                         "parent"));
  EXPECT_NE(base, HashOf(Load({"stages.parent.pretrain.steps=801"}), "parent"));
  EXPECT_NE(base, HashOf(Load({"seed=2"}), "parent"));
  EXPECT_NE(base, HashOf(Load({"precision=bf16"}), "parent"));
}

TEST_F(Pipeline, AChangedInputFileChangesEveryStageBehindIt) {
  const std::string parent = HashOf(Load(), "parent"), up = HashOf(Load(), "up");
  Write("a.txt", "one line\nanother LINE\n");
  EXPECT_NE(parent, HashOf(Load(), "parent"));
  EXPECT_NE(up, HashOf(Load(), "up"));
}

TEST_F(Pipeline, UptrainingInheritsAndGoesOnInTheSourcesSchedule) {
  const Recipe recipe = Load();
  const auto up = ResolveUptrain(recipe, *recipe.Find("up"));
  ASSERT_TRUE(up.ok()) << up.status();
  EXPECT_EQ(up->steps, 40);
  EXPECT_EQ(up->optimizer.learning_rate.step_offset, 800);
  EXPECT_EQ(up->after.batch.examples, 8);
  EXPECT_EQ(up->after.data.source_length, 64);
  EXPECT_THAT(up->evaluate_at, ElementsAre(0, 8, 20, 40));
  EXPECT_EQ(up->validate->corpus, std::vector<std::string>{"held"});
}

TEST_F(Pipeline, ASecondUptrainingCountsFromTheOriginalStepsAndGoesOnAfterTheFirst) {
  const Recipe recipe = Load();
  const auto again = ResolveUptrain(recipe, *recipe.Find("again"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->steps, 1) << "0.1 % of 800 is rounded up to one step";
  EXPECT_EQ(again->optimizer.learning_rate.step_offset, 840);
}

TEST_F(Pipeline, AnOwnOptimizerStartsItsOwnSchedule) {
  const Recipe recipe = Load({"stages.up.uptrain.optimizer={name: adamw, learning_rate: 0.001}"});
  EXPECT_EQ(ResolveUptrain(recipe, *recipe.Find("up"))->optimizer.learning_rate.step_offset, 0);
  EXPECT_EQ(ResolveUptrain(recipe, *recipe.Find("again"))->optimizer.learning_rate.step_offset, 40);
}

TEST_F(Pipeline, AnInheritedScheduleThatEndedAtZeroIsAProblem) {
  const Recipe recipe =
      Load({"stages.parent.pretrain.optimizer={learning_rate: {schedule: linear, rate: 0.01}}"});
  EXPECT_THAT(ResolveUptrain(recipe, *recipe.Find("up")).status().message(),
              HasSubstr("has reached 0"));
}

TEST_F(Pipeline, AFolderWithoutProvenanceMustBeDescribed) {
  const Recipe recipe = Load({"stages.up.uptrain.from=./nowhere"});
  EXPECT_THAT(ResolveUptrain(recipe, *recipe.Find("up")).status().message(),
              HasSubstr("give original_steps, data, batch, optimizer"));
}

TEST_F(Pipeline, LineageReadsBackWhatProvenanceRecords) {
  const Recipe recipe = Load();
  const auto before = LineageOf(recipe, "up");
  ASSERT_TRUE(before.ok() && before->has_value());
  Write("regroup.json", DumpJson(Json{{"pretraining", ConfigToJson(**before)}}));
  const auto after = LineageOf(recipe, folder_ + "/");
  ASSERT_TRUE(after.ok() && after->has_value()) << after.status();
  EXPECT_EQ(ConfigToJson(**after), ConfigToJson(**before));
}

TEST_F(Pipeline, PlanCountsStepsTokensAndKvBytes) {
  const RecipePlan plan = PlanRecipe(Load());
  EXPECT_EQ(plan.problems.ToStatus(), absl::OkStatus());
  ASSERT_EQ(plan.stages.size(), 4u);
  EXPECT_EQ(plan.stages[0].kv_decoder_self, 2 * 2 * 4 * 16 * 4)
      << "2 (K, V) x 2 layers x 4 heads x 16 x 4 bytes";
  EXPECT_EQ(plan.stages[1].kv_cross, plan.stages[0].kv_cross / 2) << "exactly G/H";
  EXPECT_EQ(plan.stages[2].steps, 40);
  EXPECT_EQ(plan.stages[2].tokens * 20, plan.stages[0].tokens);
  EXPECT_GT(plan.stages[0].peak_memory_bytes, 0);
  const Json json = PlanToJson(plan);
  for (const char* key : {"name", "kind", "parameters", "steps", "tokens", "kv_bytes_per_position",
                          "peak_memory_bytes", "disk_bytes", "seconds"}) {
    EXPECT_TRUE(json["stages"][0].contains(key)) << key;
  }
}

TEST_F(Pipeline, PlanFindsHeadsThatDoNotDivideAndFilesThatAreMissing) {
  const RecipePlan plan =
      PlanRecipe(Load({"stages.gqa.convert.kv_heads=3", "corpora.prose.files=none.txt"}));
  std::vector<std::string> lines;
  for (const auto& problem : plan.problems.list())
    lines.push_back(problem.place + ": " + problem.message);
  EXPECT_THAT(lines, Contains(HasSubstr("stages.gqa.convert.kv_heads")));
  EXPECT_THAT(lines, Contains(HasSubstr("none.txt")));
}

TEST_F(Pipeline, PlanFindsSegmentsThatNeedMoreSentinelsThanThereAre) {
  const RecipePlan plan = PlanRecipe(Load({"tokenizer.train.extra_ids=2"}));
  ASSERT_EQ(plan.problems.list().size(), 3u) << "the parent, and what goes on with its data";
  EXPECT_THAT(plan.problems.list()[0].place, HasSubstr("stages.parent.pretrain.data"));
  EXPECT_THAT(plan.problems.list()[0].message, HasSubstr("masked spans, the tokenizer "
                                                         "has 2 sentinels"));
}

TEST_F(Pipeline, AnotherMachineHasItsOwnTimeAndMissesNoFiles) {
  const Recipe recipe = Load({"corpora.prose.files=none.txt"});
  EXPECT_FALSE(PlanRecipe(recipe).problems.empty());
  const RecipePlan one = PlanRecipe(recipe, DeviceOf("h100").value());
  const RecipePlan eight = PlanRecipe(recipe, DeviceOf("h100:8").value());
  EXPECT_TRUE(one.problems.empty()) << one.problems.ToStatus();
  EXPECT_THAT(one.notes, Contains(HasSubstr("none.txt")));
  EXPECT_DOUBLE_EQ(one.stages[0].seconds, 8 * eight.stages[0].seconds);
  EXPECT_THAT(eight.notes, Contains(HasSubstr("one device today")));
  EXPECT_THAT(DeviceOf("h10").status().message(), HasSubstr("h100"));
}

TEST(PublishedConfig, HasTheShapesOfTheReleases) {
  EXPECT_EQ(CountParameters(*PublishedConfig("t5-v1_1-small")), 76'961'152);
  EXPECT_EQ(CountParameters(*PublishedConfig("flan-t5-base")), 247'577'856);
  EXPECT_EQ(CountParameters(*PublishedConfig("t5-xxl-lm-adapt")), 11'135'332'352);
  EXPECT_EQ(PublishedConfig("t5-v1_1-huge"), std::nullopt);
}

TEST_F(Pipeline, AlphaCountsTargetTokens) {
  const std::string set = "stages.up.uptrain.batch={examples: 16}";  // the source's: 8
  const Recipe recipe = Load({set});
  const auto up = ResolveUptrain(recipe, *recipe.Find("up"));
  EXPECT_EQ(up->steps, 20) << "half of the steps see as many tokens";
  EXPECT_THAT(up->evaluate_at, ElementsAre(0, 4, 10, 20));
  EXPECT_THAT(PlanRecipe(recipe).notes,
              Contains(HasSubstr("up: alpha is 5 % of the original target tokens, 2.5 % of the "
                                 "original steps; they differ")));
}

TEST_F(Pipeline, UptrainingInheritsDropoutUnlessItIsGiven) {
  const std::string parent = "stages.parent.pretrain.model.dropout_rate=0.1";
  const Recipe inherits = Load({parent});
  EXPECT_EQ(ResolveUptrain(inherits, *inherits.Find("up"))->after.dropout_rate, 0.1);
  const Recipe own = Load({parent, "stages.up.uptrain.dropout_rate=0"});
  EXPECT_EQ(ResolveUptrain(own, *own.Find("up"))->after.dropout_rate, 0);
}

TEST_F(Pipeline, KeptSlotsNeedTheSameOptimizer) {
  const Recipe recipe =
      Load({"stages.up.uptrain.optimizer={name: adamw}", "stages.up.uptrain.optimizer_state=keep"});
  EXPECT_THAT(ResolveUptrain(recipe, *recipe.Find("up")).status().message(),
              HasSubstr("keep goes on with the slots of adafactor"));
}

TEST_F(Pipeline, SentencesComeFromTextAndFromTheNamedKeys) {
  const std::string rows =
      Write("r.jsonl", "{\"en\": \"a b\\n\\nc\", \"x\": \"no\"}\n{\"de\": \"d\"}\n");
  const auto found = ReadSentences({JoinPath(folder_, "a.txt"), rows}, {"en", "de"});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(*found, ElementsAre("one line", "another line", "a b", "c", "d"));
  EXPECT_THAT(ReadSentences({rows}, {"text"}).status().message(),
              HasSubstr("no row has text under text"));
}

}  // namespace
}  // namespace regroup
