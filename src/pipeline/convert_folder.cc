// Folder to folder conversion.
#include "pipeline/convert_folder.h"

#include <memory>

#include "checkpoint/folder_target.h"
#include "checkpoint/hf_folder.h"

namespace regroup {
namespace {

Json Provenance(const HfModel& source, const ConvertFolderOptions& options,
                const ConversionReport& report) {
  Json json = source.provenance.is_object() ? source.provenance : Json::object();
  Json entry = {{"source", options.from},
                {"source_hash", HashWeights(source.weights)},
                {"config", ConfigToJson(options.convert)}};
  entry["config"]["seed"] = options.convert.seed;
  entry["parameters_before"] = report.parameters_before;
  entry["parameters_after"] = report.parameters_after;
  entry["checks"] = report.checks;
  json["conversions"].push_back(std::move(entry));
  if (options.provenance.is_object()) json.update(options.provenance);
  return json;
}

}  // namespace

absl::StatusOr<ConversionReport> ConvertFolder(const ConvertFolderOptions& options) {
  REGROUP_RETURN_IF_ERROR(CheckNewFolder(options.to, options.from, options.overwrite));
  REGROUP_ASSIGN_OR_RETURN(const HfModel source, LoadHfFolder(options.from));
  REGROUP_ASSIGN_OR_RETURN(const Conversion result,
                           Regroup(source.config, source.weights, options.convert));
  std::shared_ptr<const Tokenizer> tokenizer;
  if (HasTokenizer(options.from)) {
    REGROUP_ASSIGN_OR_RETURN(tokenizer, Tokenizer::Load(options.from));
  }
  HfSave save;
  save.config = &result.config;
  save.weights = &result.weights;
  save.tokenizer = tokenizer.get();
  save.generation_config = source.generation_config;
  save.provenance = Provenance(source, options, result.report);
  save.source_folder = options.from;
  REGROUP_RETURN_IF_ERROR(SaveHfFolder(options.to, save, options.overwrite));
  return result.report;
}

}  // namespace regroup
