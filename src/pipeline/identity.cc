// Identities by kind of stage. Paths are never part of an identity, contents are: a recipe may
// move.
#include "pipeline/identity.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "formats/lines.h"
#include "pipeline/context.h"
#include "pipeline/lineage.h"
#include "recipe/reader.h"

namespace regroup {
namespace {

constexpr int64_t kWholeFile = 64 << 20;  // larger files are known by their size and samples
constexpr int64_t kSamples = 64;
constexpr int64_t kSampleBytes = 64 << 10;

// Hash of blocks spread evenly over a large file, first and last among them.
std::string HashOfSamples(std::ifstream& file, int64_t bytes) {
  std::string samples(static_cast<size_t>(kSamples * kSampleBytes), '\0');
  for (int64_t i = 0; i < kSamples; ++i) {
    file.seekg(static_cast<std::streamoff>(i * ((bytes - kSampleBytes) / (kSamples - 1))));
    file.read(samples.data() + i * kSampleBytes, kSampleBytes);
  }
  return HashBytes(samples);
}

absl::StatusOr<Json> FileIdentity(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return UserError(path, "cannot be read");
  const auto bytes = static_cast<int64_t>(file.tellg());
  Json json = {{"name", BaseName(path)}, {"bytes", bytes}};
  if (bytes <= kWholeFile) {
    REGROUP_ASSIGN_OR_RETURN(json["hash"], HashFile(path));
  } else {
    json["hash_of_samples"] = HashOfSamples(file, bytes);
  }
  return json;
}

absl::StatusOr<Json> FilesIdentity(const std::vector<std::string>& patterns) {
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> paths, ExpandGlobs(patterns));
  Json list = Json::array();
  for (const std::string& path : paths) {
    REGROUP_ASSIGN_OR_RETURN(Json file, FileIdentity(path));
    list.push_back(std::move(file));
  }
  return list;
}

// Files that hold weights or say which file does.
bool IsWeightFile(const std::string& name) {
  return name.ends_with(".safetensors") || name.ends_with(".index.json") ||
         (name.starts_with("pytorch_model") && name.ends_with(".bin"));
}

absl::StatusOr<Json> ModelFolderIdentity(const std::string& folder) {
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(folder));
  Json json = Json::object();
  for (const std::string& name : names) {
    static const std::set<std::string> kResultFiles = {"config.json", "generation_config.json",
                                                       "spiece.model", "tokenizer_config.json",
                                                       "regroup.json"};
    if (!kResultFiles.contains(name) && !IsWeightFile(name)) continue;
    REGROUP_ASSIGN_OR_RETURN(json[name], HashFile(JoinPath(folder, name)));
  }
  if (!json.contains("config.json"))
    return UserError(folder, "is not a model folder: config.json is missing");
  return json;
}

// What a folder under `from` holds stands in the inputs; where it lies does not matter.
void DropFolders(Json& config) {
  if (!config.contains("from")) return;
  const auto is_folder = [](const Json& from) {
    return IsFolderReference(from.get<std::string>());
  };
  Json& from = config["from"];
  if (from.is_string() && is_folder(from)) from = "folder";
  if (!from.is_array()) return;
  for (Json& one : from) {
    if (is_folder(one)) one = "folder";
  }
}

class Identities {
 public:
  explicit Identities(const Recipe& recipe) : recipe_(recipe) {}

  absl::StatusOr<std::map<std::string, StageIdentity>> All() {
    REGROUP_RETURN_IF_ERROR(AddTokenizer());
    for (const Stage& stage : recipe_.stages) {
      StageIdentity identity{stage.kind, StageConfigToJson(stage.config, true), Json::object()};
      DropFolders(identity.config);
      REGROUP_RETURN_IF_ERROR(std::visit(
          [&](const auto& config) { return Fill(stage, config, identity); }, stage.config));
      done_[stage.name] = std::move(identity);
    }
    return std::move(done_);
  }

 private:
  absl::Status AddTokenizer() {
    const TokenizerConfig& config = recipe_.head.tokenizer;
    if (!config.path.empty()) {
      REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(config.path));
      tokenizer_ = tokenizer->Fingerprint();
    } else if (config.train.has_value()) {
      StageIdentity identity{kTokenizerStage, ConfigToJson(*config.train, true), Json::object()};
      identity.config.erase("files");
      REGROUP_ASSIGN_OR_RETURN(identity.inputs["files"], FilesIdentity(config.train->files));
      tokenizer_ = identity.Hash();
      done_[kTokenizerStage] = std::move(identity);
    }
    return absl::OkStatus();
  }

  // A second model that the stage reads, which `name`, a place in its config, names.
  absl::Status AddSecondModel(const std::string& from, const std::string& key, Json& name,
                              Json& inputs) {
    if (from.empty()) return absl::OkStatus();
    if (!IsFolderReference(from)) {
      inputs[from] = done_.at(ParseStageReference(from).stage).Hash();
      return absl::OkStatus();
    }
    name = "folder";
    REGROUP_ASSIGN_OR_RETURN(inputs[key], ModelFolderIdentity(from));
    return absl::OkStatus();
  }

  absl::Status AddSource(const std::string& from, Json& inputs) {
    if (!IsFolderReference(from)) {
      inputs[from] = done_.at(ParseStageReference(from).stage).Hash();
      return absl::OkStatus();
    }
    REGROUP_ASSIGN_OR_RETURN(inputs["from"], ModelFolderIdentity(from));
    if (!HasTokenizer(from)) inputs["tokenizer"] = tokenizer_;
    return absl::OkStatus();
  }

  absl::Status AddCorpus(const std::string& name, Json& inputs) {
    const CorpusConfig& corpus = recipe_.head.corpora.at(name);
    Json& json = inputs["corpora"][name];
    json = {{"format", corpus.format}, {"text", corpus.text}};
    REGROUP_ASSIGN_OR_RETURN(json["files"], FilesIdentity(corpus.files));
    return absl::OkStatus();
  }

  // The corpora of a mixture; an empty mixture is all of them.
  absl::Status AddData(const SpanCorruptionConfig& data,
                       const std::optional<ValidationConfig>& validate, Json& inputs) {
    for (const auto& [name, corpus] : recipe_.head.corpora) {
      const bool used = data.mixture.empty() || data.mixture.contains(name) ||
                        (validate.has_value() &&
                         std::ranges::find(validate->corpus, name) != validate->corpus.end());
      if (used) REGROUP_RETURN_IF_ERROR(AddCorpus(name, inputs));
    }
    return validate.has_value() ? AddDevTasks(validate->tasks, inputs) : absl::OkStatus();
  }

  // Tasks that a stage is watched with beside its own data.
  absl::Status AddDevTasks(const std::vector<std::string>& names, Json& inputs) {
    for (const std::string& name : names) {
      Json task = Json::object();
      REGROUP_RETURN_IF_ERROR(AddTask(name, {recipe_.head.tasks.at(name).dev}, task));
      inputs["validation"][name] = std::move(task);
    }
    return absl::OkStatus();
  }

  absl::Status AddTask(const std::string& name, const std::vector<std::string>& files,
                       Json& inputs) {
    inputs["task"] = ConfigToJson(recipe_.task_files.at(name), true);
    std::vector<std::string> paths;
    for (const std::string& file : files) {
      for (const std::string& path : PathList(file)) paths.push_back(path);
    }
    REGROUP_ASSIGN_OR_RETURN(inputs["files"], FilesIdentity(paths));
    return absl::OkStatus();
  }

  void AddGlobals(const std::optional<std::string>& precision, Json& inputs) {
    inputs["seed"] = recipe_.head.seed;
    inputs["precision"] = precision.value_or(recipe_.head.precision);
  }

  absl::Status Fill(const Stage&, const PretrainStage& config, StageIdentity& identity) {
    AddGlobals(config.precision, identity.inputs);
    identity.inputs["tokenizer"] = tokenizer_;
    return AddData(config.data, config.validate, identity.inputs);
  }

  absl::Status Fill(const Stage& stage, const CalibrateStage& config, StageIdentity& identity) {
    identity.inputs["seed"] = recipe_.head.seed;
    REGROUP_ASSIGN_OR_RETURN(const SpanCorruptionConfig data, CalibrationData(recipe_, stage));
    identity.inputs["data"] = ConfigToJson(data, true);
    REGROUP_RETURN_IF_ERROR(AddSource(config.from, identity.inputs));
    return AddData(data, std::nullopt, identity.inputs);
  }

  absl::Status Fill(const Stage&, const ConvertStage& config, StageIdentity& identity) {
    const bool draws =
        config.convert.method == "random" || config.refine.local_distillation.steps > 0;
    if (draws) identity.inputs["seed"] = recipe_.head.seed;
    REGROUP_RETURN_IF_ERROR(AddCalibration(config.calibration, identity));
    return AddSource(config.from, identity.inputs);
  }

  absl::Status AddCalibration(const std::string& calibration, StageIdentity& identity) {
    if (calibration.empty()) return absl::OkStatus();
    if (!IsFolderReference(calibration)) {
      identity.inputs[calibration] = done_.at(calibration).Hash();
      return absl::OkStatus();
    }
    identity.config["calibration"] = "folder";
    const std::string file = JoinPath(calibration, "calibration.json");
    if (!FileExists(file))
      return UserError(calibration,
                       "holds no calibration.json; expected what `regroup calibrate` wrote");
    REGROUP_ASSIGN_OR_RETURN(identity.inputs["calibration"], HashFile(file));
    return absl::OkStatus();
  }

  absl::Status Fill(const Stage& stage, const UptrainStage& config, StageIdentity& identity) {
    REGROUP_ASSIGN_OR_RETURN(const ResolvedUptrain resolved, ResolveUptrain(recipe_, stage));
    AddGlobals(config.precision, identity.inputs);
    identity.inputs["inherited"] = ConfigToJson(resolved.before, true);
    REGROUP_RETURN_IF_ERROR(AddSource(config.from, identity.inputs));
    REGROUP_RETURN_IF_ERROR(AddSecondModel(config.learned_merge, "learned_merge",
                                           identity.config["learned_merge"], identity.inputs));
    if (config.distillation.has_value()) {
      REGROUP_RETURN_IF_ERROR(AddSecondModel(config.distillation->teacher, "teacher",
                                             identity.config["distillation"]["teacher"],
                                             identity.inputs));
    }
    return AddData(resolved.after.data, resolved.validate, identity.inputs);
  }

  absl::Status Fill(const Stage&, const FinetuneStage& config, StageIdentity& identity) {
    AddGlobals(config.precision, identity.inputs);
    REGROUP_RETURN_IF_ERROR(AddSource(config.from, identity.inputs));
    REGROUP_RETURN_IF_ERROR(AddDevTasks(config.validate_tasks, identity.inputs));
    const TaskEntry& entry = recipe_.head.tasks.at(config.task);
    return AddTask(config.task, {entry.train, entry.dev}, identity.inputs);
  }

  absl::Status Fill(const Stage&, const EvaluateStage& config, StageIdentity& identity) {
    identity.inputs["seed"] = recipe_.head.seed;
    REGROUP_RETURN_IF_ERROR(AddSource(config.from, identity.inputs));
    const TaskEntry& entry = recipe_.head.tasks.at(config.task);
    return AddTask(config.task, {config.split == "dev" ? entry.dev : entry.test}, identity.inputs);
  }

  absl::Status Fill(const Stage&, const ExportStage& config, StageIdentity& identity) {
    return AddSource(config.from, identity.inputs);
  }

  absl::Status Fill(const Stage&, const BenchStage& config, StageIdentity& identity) {
    for (const std::string& from : config.from) {
      Json source = Json::object();
      REGROUP_RETURN_IF_ERROR(AddSource(from, source));
      identity.inputs["from"].push_back(std::move(source));
    }
    return absl::OkStatus();
  }

  absl::Status Fill(const Stage& stage, const CompareStage&, StageIdentity& identity) {
    for (const std::string& need : stage.needs) identity.inputs[need] = done_.at(need).Hash();
    return absl::OkStatus();
  }

  const Recipe& recipe_;
  std::map<std::string, StageIdentity> done_;
  Json tokenizer_;
};

}  // namespace

bool TrainsTokenizer(const Recipe& recipe) {
  return recipe.head.tokenizer.train.has_value() && recipe.head.tokenizer.path.empty();
}

absl::StatusOr<std::map<std::string, StageIdentity>> StageIdentities(const Recipe& recipe) {
  return Identities(recipe).All();
}

}  // namespace regroup
