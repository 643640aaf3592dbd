// The skeleton of the recipe contract, as it stands there, and what it means.
#include <gmock/gmock.h>

#include "recipe_fixture.h"

namespace regroup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kSkeleton[] = R"(include: [../configs/model/nano.yaml]      # parts; later wins
name: example                               # run folder runs/<name>/<stage>/
seed: 1
device: auto                                # auto | cpu | cuda
precision: bf16                             # fp32 | bf16
tokenizer: {train: {files: [../data/text/*.txt], vocab_size: 4000}}        # or {path: DIR}
corpora:
  prose: {files: ["c4/en/c4-train.*.json.gz"], format: jsonl, text: text}  # jsonl | text; .gz and .zst by name
tasks:
  titles: {task: ../configs/task/titles.yaml, train: a.jsonl, dev: b.jsonl, test: c.jsonl}
for_each: {v: {gqa: {kv_heads: 2}, mqa: {kv_heads: 1}}}                     # {v} is the name
stages:
  parent: {pretrain: {model: {d_model: 128, num_heads: 8}, data: {mixture: {prose: 1.0}, source_length: 128}, steps: 800,
                      batch: {examples: 32, micro_batch: 8}, optimizer: {name: adafactor, learning_rate: {schedule: rsqrt}}}}
  "{v}": {convert: {from: parent, kv_heads: "{v.kv_heads}", method: mean, sites: [decoder_self, cross]}}
  "{v}_up": {uptrain: {from: "{v}", alpha: 5%}}          # data, batch, optimizer, schedule: the source's own
  parent_titles: {finetune: {from: parent, task: titles, steps: 200}}
  parent_scores: {evaluate: {from: parent_titles, task: titles, split: test}}
  "{v}_titles": {finetune: {from: "{v}_up", task: titles, steps: 200, keep_best: rouge1}}
  "{v}_scores": {evaluate: {from: "{v}_titles", task: titles, split: test, beams: 1}}
  table: {compare: {rows: [parent_scores, "{v}_scores"]}}
)";

class Contract : public RecipeFiles {
 protected:
  void SetUp() override {
    RecipeFiles::SetUp();
    Write("configs/model/nano.yaml", "defaults: {pretrain: {model: {d_ff: 256, d_model: 7}}}\n");
    Write(
        "configs/task/titles.yaml",
        "name: titles\ninput: \"summarize: {description}\"\ntarget: \"{title}\"\nmetrics: [rouge]\n"
        "lengths: {source: 128, target: 32}\n");
  }
  LoadedRecipe Load(const std::vector<std::string>& sets = {}) {
    return LoadRecipe(Write("recipes/example.yaml", kSkeleton), sets);
  }
};

TEST_F(Contract, TheSkeletonLoadsAsItStands) {
  const LoadedRecipe loaded = Load();
  EXPECT_EQ(loaded.problems.ToStatus().message(), "");
  EXPECT_THAT(
      loaded.recipe.StageNames(),
      ElementsAre("parent", "gqa", "mqa", "gqa_up", "mqa_up", "parent_titles", "parent_scores",
                  "gqa_titles", "mqa_titles", "gqa_scores", "mqa_scores", "table"));
}

TEST_F(Contract, EachValueArrivesInItsStruct) {
  const Recipe recipe = Load().recipe;
  const auto& parent = recipe.Find("parent")->As<PretrainStage>();
  EXPECT_EQ(parent.model.d_model, 128) << "own keys win over included ones";
  EXPECT_EQ(parent.model.d_ff, 256) << "defaults of the included part";
  EXPECT_EQ(parent.batch.micro_batch, 8);
  EXPECT_EQ(parent.optimizer.learning_rate.schedule, "rsqrt");
  EXPECT_EQ(parent.optimizer.learning_rate.rate, 1.0);
  EXPECT_EQ(recipe.Find("mqa")->As<ConvertStage>().convert.kv_heads, Json(1))
      << "the field's type, not text";
  EXPECT_DOUBLE_EQ(recipe.Find("gqa_up")->As<UptrainStage>().alpha, 0.05);
  EXPECT_EQ(recipe.Find("gqa_titles")->As<FinetuneStage>().keep_best,
            std::vector<std::string>{"rouge1"});
  EXPECT_THAT(recipe.Find("table")->As<CompareStage>().rows,
              ElementsAre("parent_scores", "gqa_scores", "mqa_scores"));
}

TEST_F(Contract, PathsAreRelativeToTheFileThatHoldsThem) {
  const Recipe recipe = Load().recipe;
  EXPECT_EQ(recipe.head.tasks.at("titles").train, JoinPath(folder_, "recipes/a.jsonl"));
  EXPECT_EQ(recipe.head.tokenizer.train->files[0], JoinPath(folder_, "data/text/*.txt"));
  EXPECT_EQ(recipe.task_files.at("titles").lengths.source, 128);
}

TEST_F(Contract, SetWinsOverAllAndReachesOneVariant) {
  const LoadedRecipe loaded =
      Load({"stages.parent.pretrain.steps=1k steps", "stages.gqa_up.uptrain.alpha=10%", "seed=7"});
  EXPECT_THAT(loaded.problems.list(), IsEmpty());
  EXPECT_EQ(loaded.recipe.Find("parent")->As<PretrainStage>().steps, 1000);
  EXPECT_DOUBLE_EQ(loaded.recipe.Find("gqa_up")->As<UptrainStage>().alpha, 0.1);
  EXPECT_DOUBLE_EQ(loaded.recipe.Find("mqa_up")->As<UptrainStage>().alpha, 0.05);
  EXPECT_EQ(loaded.recipe.head.seed, 7u);
}

TEST_F(Contract, TheResolvedRecipeLoadsFromAnotherFolder) {
  const Recipe first = Load().recipe;
  const LoadedRecipe second =
      LoadRecipe(Write("elsewhere/deep/shown.yaml", WriteYaml(first.tree)), {});
  EXPECT_EQ(second.problems.ToStatus().message(), "");
  ASSERT_EQ(second.recipe.StageNames(), first.StageNames());
  for (size_t i = 0; i < first.stages.size(); ++i) {
    EXPECT_EQ(StageConfigToJson(second.recipe.stages[i].config, false),
              StageConfigToJson(first.stages[i].config, false));
  }
  EXPECT_EQ(second.recipe.head.tasks.at("titles").train, first.head.tasks.at("titles").train);
}

}  // namespace
}  // namespace regroup
