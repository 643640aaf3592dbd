// Reads the rows and calls the calibration.
#include "pipeline/calibrate_folder.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/log.h"
#include "data/rows.h"

namespace regroup {
namespace {

absl::StatusOr<std::vector<Example>> ReadRows(const CalibrateFolderOptions& options,
                                              const HfModel& model) {
  std::shared_ptr<const Tokenizer> tokenizer;
  if (HasTokenizer(options.model)) {
    REGROUP_ASSIGN_OR_RETURN(tokenizer, Tokenizer::Load(options.model));
  }
  std::vector<Example> rows;
  int64_t line = 0;
  const auto use = [&](Row row) -> absl::Status {
    ++line;
    if (row.example.target_ids.empty())
      return UserError(absl::StrCat(options.data, ":", line),
                       "has no target; calibration needs what the decoder reads");
    if (static_cast<int64_t>(rows.size()) < options.config.rows)
      rows.push_back(std::move(row.example));
    return absl::OkStatus();
  };
  REGROUP_RETURN_IF_ERROR(ForEachRow(options.data, tokenizer.get(), model.config.vocab_size, use));
  if (rows.empty()) return UserError(options.data, "holds no rows");
  return rows;
}

}  // namespace

absl::StatusOr<Json> CalibrateFolder(const CalibrateFolderOptions& options) {
  CalibrationRequest request;
  REGROUP_ASSIGN_OR_RETURN(const HfModel model, LoadHfFolder(options.model));
  REGROUP_ASSIGN_OR_RETURN(request.rows, ReadRows(options, model));
  REGROUP_ASSIGN_OR_RETURN(const std::string hash, HashFile(options.data));
  request.model = &model;
  request.data = {{"file", BaseName(options.data)}, {"hash", hash}};
  request.folder = options.to;
  request.config = options.config;
  request.device = options.device;
  return Calibrate(request);
}

}  // namespace regroup
