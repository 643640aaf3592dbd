// A recipe as a person wrote it, turned into checked config structs: what `pipeline` plans and
// runs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/fields.h"
#include "recipe/problems.h"
#include "recipe/stages.h"
#include "recipe/task_file.h"
#include "recipe/yaml_tree.h"

namespace regroup {

struct TokenizerTrainConfig {
  std::vector<std::string> files;
  std::vector<std::string> keys = {"text"};
  int64_t vocab_size = 4000;
  int64_t extra_ids = 100;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("files", "text files (a sentence per line) or JSON lines, by name").Required().Path(),
      c.files);
    v(Field("keys", "keys of a JSON line whose text is used, where it has them"), c.keys);
    v(Field("vocab_size", "pieces, pad, EOS and unknown included").AtLeast(64).AtMost(1e6),
      c.vocab_size);
    v(Field("extra_ids", "sentinels on top").AtLeast(1).AtMost(10000), c.extra_ids);
  }
};

struct TokenizerConfig {
  std::optional<TokenizerTrainConfig> train;
  std::string path;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("train", "train a vocabulary as the first stage"), c.train);
    v(Field("path", "folder with spiece.model, or of a byte model (ByT5), instead of training")
          .Path(),
      c.path);
  }
};

struct TaskEntry {
  std::string task;
  std::string train, dev, test;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("task", "the task file").Required().Path(), c.task);
    v(Field("train", "training rows").Path(), c.train);
    v(Field("dev", "rows that choose the checkpoint").Path(), c.dev);
    v(Field("test", "rows that are reported").Path(), c.test);
  }
};

// The top level.
struct RecipeHead {
  Json include, for_each, defaults,
      stages;  // read from the tree, listed here for help and unknown-key messages
  std::string name;
  uint64_t seed = 1;
  std::string device = "auto";
  std::string precision = "fp32";
  TokenizerConfig tokenizer;
  std::map<std::string, CorpusConfig> corpora;
  std::map<std::string, TaskEntry> tasks;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("include", "parts: later ones win, own keys win over all"), c.include);
    v(Field("name", "names the run folder").Required(), c.name);
    v(Field("seed", "keys every random draw").AtLeast(0), c.seed);
    v(Field("device", "where it computes").OneOf({"auto", "cpu", "cuda"}).NoResult(), c.device);
    v(Field("precision", "compute type; master weights stay fp32").OneOf({"fp32", "bf16"}),
      c.precision);
    v(Field("tokenizer", "the vocabulary"), c.tokenizer);
    v(Field("corpora", "name: a corpus for span corruption"), c.corpora);
    v(Field("tasks", "name: a task and its files"), c.tasks);
    v(Field("for_each", "variables: {v: {variant: {field: value}}}"), c.for_each);
    v(Field("defaults", "kind of stage: values for every stage of that kind"), c.defaults);
    v(Field("stages", "name: {kind: {...}}").Required(), c.stages);
  }
};

struct Stage {
  std::string name;
  std::string kind;  // "pretrain", ...
  Mark mark;
  StageConfig config;
  std::vector<std::string> needs;  // stages whose results it reads

  template <class T>
  const T& As() const {
    return std::get<T>(config);
  }
  // "recipe.yaml:12: stages.parent": the place of a problem found later.
  std::string Place() const;
};

struct Recipe {
  std::string file;
  RecipeHead head;
  std::map<std::string, TaskFile> task_files;  // by the name under `tasks`
  std::vector<Stage> stages;                   // every stage stands after those that it needs
  Node tree;                                   // resolved: no include, no for_each, paths absolute

  const Stage* Find(const std::string& name) const;
  std::vector<std::string> StageNames() const;
};

struct LoadedRecipe {
  Recipe recipe;
  Problems problems;  // the recipe may be used only if this is empty
};

// Reads, composes, expands and checks a recipe. `sets` are the texts of --set ("key.path=value").
LoadedRecipe LoadRecipe(const std::string& path, const std::vector<std::string>& sets);

// True where `from` means a folder, not a stage.
bool IsFolderReference(const std::string& from);

// What `from` says of a stage: NAME, or NAME@STEP for a checkpoint that a pretrain stage keeps. A
// step that is no number is -1.
struct StageReference {
  std::string stage;
  std::optional<int64_t> step;
};
StageReference ParseStageReference(const std::string& from);

// The stage's config as JSON; `results_only` leaves out what cannot change results.
Json StageConfigToJson(const StageConfig& config, bool results_only);

// What `from` (or rows, bench, recovery) of a stage names.
std::vector<std::string> References(const StageConfig& config);

}  // namespace regroup
