// The visitor that sums moments, and the folder that keeps them.
#include "calibrate/calibration.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "calibrate/layer_sweep.h"
#include "calibrate/moments.h"
#include "checkpoint/tensor_file.h"
#include "convert/regroup.h"
#include "core/files.h"
#include "core/log.h"
#include "data/rows.h"

namespace regroup {
namespace {

constexpr int kFormat = 1;
constexpr char kDescription[] = "calibration.json";
constexpr char kBegun[] = "begun.json";
constexpr char kRows[] = "rows.jsonl";
constexpr char kStatistics[] = "statistics";
constexpr char kStates[] = "states";
constexpr char kKeyCovariance[] = ".key_covariance";
constexpr char kQueryMoment[] = ".query_moment";
constexpr char kValueMoment[] = ".value_moment";
constexpr char kLosses[] = "losses";

// K and V of all heads as one, by the statistics so far.
struct TrialMerge {
  int64_t rows = 0;
  SharedHead key, value;
};

TrialMerge TryMerge(const AttentionWeights& weights, const SiteStatistics& statistics,
                    int64_t rows) {
  return {rows, JointSvdHead(KeyHeads(weights), KeyMetric(weights, &statistics)),
          JointSvdHead(ValueHeads(weights), ValueMetric(weights, &statistics))};
}

double LossShare(const at::Tensor& heads_ned, const HeadMetric& metric, const SharedHead& by) {
  const double energy = WeightedEnergy(heads_ned, metric);
  return energy > 0 ? WeightedLoss(heads_ned, metric, by) / energy : 0;
}

struct SiteSums {
  AttentionWeights weights;
  Moments moments;
  int64_t rows = 0;
  std::vector<TrialMerge> trials;
};

class MomentsVisitor final : public LayerVisitor {
 public:
  MomentsVisitor(const T5Config& config, std::string folder, int64_t rows)
      : config_(config), folder_(std::move(folder)) {
    for (const int64_t part : {4, 2}) {
      if (rows >= part * 2) marks_.push_back(rows / part);
    }
  }

  void BeginLayer(bool decoder, int64_t layer, const StateDict& weights) override {
    name_ = absl::StrCat(decoder ? "decoder" : "encoder", ".block.", layer);
    sites_.clear();
    for (const auto& [prefix, kv_heads] : AttentionsOf(decoder, layer, config_.kv_heads))
      sites_[prefix].weights = WeightsOf(config_, weights, prefix, kv_heads);
  }

  void See(const AttentionSeen& seen) override {
    SiteSums& site = sites_.at(seen.prefix);
    const int64_t before = site.rows;
    site.moments.Add(seen, site.weights.heads, site.weights.kv_heads);
    site.rows += seen.x_btd.size(0);
    for (const int64_t mark : marks_) {
      if (before < mark && site.rows >= mark)
        site.trials.push_back(TryMerge(site.weights, site.moments.Statistics(), site.rows));
    }
  }

  absl::Status FinishLayer(LayerInputs&) override {
    StateDict tensors;
    Json losses = Json::array();
    for (auto& [prefix, site] : sites_) {
      const SiteStatistics statistics = site.moments.Statistics();
      tensors[prefix + kKeyCovariance] = statistics.key_covariance_dd;
      tensors[prefix + kQueryMoment] = statistics.query_moment_hee;
      tensors[prefix + kValueMoment] = statistics.value_moment_dd;
      losses.push_back(Losses(prefix, site, statistics));
    }
    const std::string path = JoinPath(folder_, name_);
    // Beside the layer's tensors, so that a later start finds them.
    REGROUP_RETURN_IF_ERROR(WriteFileAtomically(path + ".json", DumpJson(losses)));
    REGROUP_RETURN_IF_ERROR(WriteTensorFile(path + kAsideMark, tensors));
    return PublishFile(path + kAsideMark, path + ".safetensors");
  }

 private:
  static Json Losses(const std::string& prefix, SiteSums& site, const SiteStatistics& statistics) {
    site.trials.push_back(TryMerge(site.weights, statistics, site.rows));
    const HeadMetric key = KeyMetric(site.weights, &statistics),
                     value = ValueMetric(site.weights, &statistics);
    const at::Tensor keys = KeyHeads(site.weights), values = ValueHeads(site.weights);
    Json json = {{"attention", prefix},
                 {"rows", Json::array()},
                 {"key", Json::array()},
                 {"value", Json::array()}};
    for (const TrialMerge& trial : site.trials) {
      json["rows"].push_back(trial.rows);
      json["key"].push_back(LossShare(keys, key, trial.key));
      json["value"].push_back(LossShare(values, value, trial.value));
    }
    return json;
  }

  const T5Config& config_;
  std::string folder_, name_;
  std::vector<int64_t> marks_;  // numbers of rows, growing
  std::map<std::string, SiteSums> sites_;
};

std::string RowsText(const std::vector<Example>& rows) {
  std::string text;
  for (const Example& row : rows) {
    absl::StrAppend(
        &text,
        DumpJson({{"id", row.id}, {"input_ids", row.input_ids}, {"target_ids", row.target_ids}}),
        "\n");
  }
  return text;
}

Json Describe(const CalibrationRequest& request, const std::string& rows_text) {
  int64_t source = 0, target = 0;
  for (const Example& row : request.rows) {
    source += static_cast<int64_t>(row.input_ids.size());
    target += static_cast<int64_t>(row.target_ids.size());
  }
  return {{"format", kFormat},
          {"model_hash", HashWeights(request.model->weights)},
          {"model_folder", request.model->folder},
          {"rows", request.rows.size()},
          {"rows_hash", HashBytes(rows_text)},
          {"source_tokens", source},
          {"target_tokens", target},
          {"data", request.data},
          {"config", ConfigToJson(request.config, true)}};
}

// A new folder gets its rows; in one that was begun, the same must have been asked for.
absl::Status Begin(const CalibrationRequest& request, const Json& description,
                   const std::string& rows_text) {
  const std::string begun = JoinPath(request.folder, kBegun);
  if (FileExists(begun)) {
    REGROUP_ASSIGN_OR_RETURN(const Json before, ReadConfigFile(begun));
    for (const char* key : {"format", "model_hash", "rows_hash", "config"}) {
      if (before.is_object() && before.value(key, Json()) == description.at(key)) continue;
      return UserError(request.folder,
                       absl::StrCat("holds a calibration of something else (", key,
                                    " differs); choose another folder or delete it"));
    }
    return absl::OkStatus();
  }
  if (FolderExists(request.folder)) {
    REGROUP_ASSIGN_OR_RETURN(const auto names, ListFolder(request.folder));
    if (!names.empty()) {
      return UserError(request.folder,
                       "is not empty and holds no calibration; choose another folder");
    }
  }
  REGROUP_RETURN_IF_ERROR(MakeFolders(JoinPath(request.folder, kStatistics)));
  REGROUP_RETURN_IF_ERROR(WriteFileAtomically(JoinPath(request.folder, kRows), rows_text));
  return WriteFileAtomically(begun, DumpJsonPretty(description));
}

absl::StatusOr<Json> CollectLosses(const std::string& folder) {
  Json losses = Json::array();
  REGROUP_ASSIGN_OR_RETURN(const auto names, ListFolder(folder));
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".json")) continue;
    REGROUP_ASSIGN_OR_RETURN(const Json layer, ReadJsonFile(JoinPath(folder, name)));
    for (const Json& site : layer) losses.push_back(site);
  }
  return losses;
}

// "decoder.block.3.layer.0.SelfAttention.key_covariance" -> the attention's field.
absl::Status Place(const std::string& name, const at::Tensor& tensor, Statistics& statistics) {
  absl::string_view prefix = name;
  if (absl::ConsumeSuffix(&prefix, kKeyCovariance)) {
    statistics[std::string(prefix)].key_covariance_dd = tensor;
  } else if (absl::ConsumeSuffix(&prefix, kQueryMoment)) {
    statistics[std::string(prefix)].query_moment_hee = tensor;
  } else if (absl::ConsumeSuffix(&prefix, kValueMoment)) {
    statistics[std::string(prefix)].value_moment_dd = tensor;
  } else {
    return UserError(name, "is no statistic of a calibration");
  }
  return absl::OkStatus();
}

absl::StatusOr<Statistics> ReadStatistics(const std::string& folder) {
  Statistics statistics;
  REGROUP_ASSIGN_OR_RETURN(const auto names, ListFolder(folder));
  for (const std::string& file : names) {
    if (!absl::EndsWith(file, ".safetensors")) continue;
    REGROUP_ASSIGN_OR_RETURN(const StateDict tensors, ReadTensorFile(JoinPath(folder, file)));
    for (const auto& [name, tensor] : tensors) {
      if (tensor.scalar_type() != at::kDouble || !AllFinite(tensor))
        return UserError(JoinPath(folder, file),
                         absl::StrCat(name, " is damaged; calibrate again"));
      REGROUP_RETURN_IF_ERROR(Place(name, tensor, statistics));
    }
  }
  for (const auto& [prefix, site] : statistics) {
    if (!site.key_covariance_dd.defined() || !site.query_moment_hee.defined() ||
        !site.value_moment_dd.defined())
      return UserError(folder, absl::StrCat("statistics of ", prefix, " are not complete"));
  }
  return statistics;
}

// The hash has read them all; the sweep reads them again, a layer at a time.
void LetGoOf(const StateDict& weights) {
  for (const auto& [name, tensor] : weights)
    AdviseNotNeeded(tensor.const_data_ptr(), tensor.nbytes());
}

}  // namespace

absl::StatusOr<Json> Calibrate(const CalibrationRequest& request) {
  const std::string rows_text = RowsText(request.rows);
  Json description = Describe(request, rows_text);
  REGROUP_RETURN_IF_ERROR(Begin(request, description, rows_text));
  const std::string done = JoinPath(request.folder, kDescription);
  if (FileExists(done)) return ReadJsonFile(done);
  LetGoOf(request.model->weights);
  const std::string statistics = JoinPath(request.folder, kStatistics);
  MomentsVisitor visitor(request.model->config, statistics,
                         static_cast<int64_t>(request.rows.size()));
  SweepOptions options;
  options.folder = JoinPath(request.folder, kStates);
  options.micro_batch = request.config.micro_batch;
  options.compute = request.config.precision == "bf16" ? at::kBFloat16 : at::kFloat;
  options.device = at::Device(request.device);
  options.encoder = request.config.encoder;
  REGROUP_RETURN_IF_ERROR(
      SweepLayers(request.model->config, request.model->weights, request.rows, options, visitor));
  REGROUP_ASSIGN_OR_RETURN(description[kLosses], CollectLosses(statistics));
  REGROUP_RETURN_IF_ERROR(WriteFileAtomically(done, DumpJsonPretty(description)));
  std::error_code ignored;
  std::filesystem::remove_all(options.folder, ignored);
  return description;
}

absl::StatusOr<Calibration> LoadCalibration(const std::string& folder) {
  const std::string path = JoinPath(folder, kDescription);
  if (!FolderExists(folder))
    return UserError(folder, "there is no such folder; expected what `regroup calibrate` wrote");
  if (!FileExists(path)) {
    return UserError(folder,
                     FileExists(JoinPath(folder, kBegun))
                         ? "holds a calibration that has not finished; call the same "
                           "`regroup calibrate` again, it goes on"
                         : "holds no calibration.json; expected what `regroup calibrate` wrote");
  }
  Calibration calibration;
  calibration.folder = folder;
  REGROUP_ASSIGN_OR_RETURN(calibration.description, ReadConfigFile(path));
  const Json& found = calibration.description;
  if (!found.is_object() || found.value("format", Json()) != kFormat ||
      !found.value("model_hash", Json()).is_string() ||
      !found.value("source_tokens", Json()).is_number() ||
      !found.value("target_tokens", Json()).is_number())
    return UserError(path, absl::StrCat("is no calibration of format ", kFormat));
  REGROUP_ASSIGN_OR_RETURN(const std::string rows_text, ReadFile(JoinPath(folder, kRows)));
  if (rows_text.empty() || found.value("rows_hash", Json()) != HashBytes(rows_text))
    return UserError(JoinPath(folder, kRows),
                     "is not what was measured (its hash differs); calibrate again");
  REGROUP_ASSIGN_OR_RETURN(calibration.statistics, ReadStatistics(JoinPath(folder, kStatistics)));
  const auto use = [&](Row row) {
    calibration.rows.push_back(std::move(row.example));
    return absl::OkStatus();
  };
  constexpr int64_t kAnyId = 1 << 30;
  REGROUP_RETURN_IF_ERROR(ForEachRow(JoinPath(folder, kRows), nullptr, kAnyId, use));
  return calibration;
}

absl::Status CheckCalibratedOn(const Calibration& calibration, const std::string& weights_hash,
                               const std::string& model_folder) {
  if (calibration.description["model_hash"] == weights_hash) return absl::OkStatus();
  return UserError(calibration.folder, absl::StrCat("was measured on another model than ",
                                                    model_folder, "; calibrate that one"));
}

std::string CalibrationText(const Json& description) {
  std::string text = absl::StrFormat("%-42s %7s %12s %12s\n", "all heads as one would lose", "rows",
                                     "of K", "of V");
  double worst_change = 0;
  for (const Json& site : description[kLosses]) {
    const size_t count = site["rows"].size();
    for (size_t i = 0; i < count; ++i) {
      absl::StrAppend(
          &text, absl::StrFormat("%-42s %7d %10.2f %% %10.2f %%\n",
                                 i == 0 ? site["attention"].get<std::string>() : "",
                                 site["rows"][i].get<int64_t>(), 100 * site["key"][i].get<double>(),
                                 100 * site["value"][i].get<double>()));
    }
    if (count < 2) continue;
    for (const char* side : {"key", "value"}) {
      const double last = site[side][count - 1], half = site[side][count - 2];
      worst_change = std::max(worst_change, half - last);
    }
  }
  absl::StrAppend(
      &text, absl::StrFormat("%s rows, %s source and %s target tokens. By half of the rows a merge "
                             "would lose up to %.2f points more.\n",
                             FormatCount(description["rows"].get<int64_t>()),
                             FormatCount(description["source_tokens"].get<int64_t>()),
                             FormatCount(description["target_tokens"].get<int64_t>()),
                             100 * worst_change));
  return text;
}

}  // namespace regroup
