// Keys of generation_config.json. See generation_defaults.h.
#include "decode/generation_defaults.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "decode/decode_config.h"

namespace regroup {
namespace {

class GenerationReader {
 public:
  GenerationReader(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  // A whole number from `low` to `high`, alone or as a list of one; absent and null change nothing.
  absl::Status Read(const char* key, int64_t low, int64_t high, int64_t& value) const {
    if (!json_.contains(key) || json_[key].is_null()) return absl::OkStatus();
    const Json& found = json_[key];
    const Json& one = found.is_array() && found.size() == 1 ? found[0] : found;
    const bool fits = one.is_number_integer() && one.get<double>() >= static_cast<double>(low) &&
                      one.get<double>() <= static_cast<double>(high);
    if (fits) {
      value = one.get<int64_t>();
      return absl::OkStatus();
    }
    return UserError(place_, absl::StrCat(key, ": found ", DumpJson(found).substr(0, 100),
                                          ", expected a whole number from ", low, " to ", high));
  }

 private:
  const Json& json_;
  std::string place_;
};

}  // namespace

absl::StatusOr<GenerationDefaults> ReadGenerationConfig(const HfModel& model) {
  GenerationDefaults defaults;
  defaults.config = model.config;
  const Json& json = model.generation_config;
  if (json.is_null()) return defaults;
  const std::string place = JoinPath(model.folder, "generation_config.json");
  if (!json.is_object()) return UserError(place, "expected a JSON object");
  const GenerationReader reader(json, place);
  const int64_t last_id = model.config.vocab_size - 1;
  T5Config& config = defaults.config;
  REGROUP_RETURN_IF_ERROR(
      reader.Read("decoder_start_token_id", 0, last_id, config.decoder_start_token_id));
  REGROUP_RETURN_IF_ERROR(reader.Read("eos_token_id", 0, last_id, config.eos_token_id));
  REGROUP_RETURN_IF_ERROR(reader.Read("pad_token_id", 0, last_id, config.pad_token_id));
  int64_t with_start = defaults.max_length + 1;
  REGROUP_RETURN_IF_ERROR(reader.Read("max_length", 2, kLongestOutput + 1, with_start));
  defaults.max_length = with_start - 1;
  REGROUP_RETURN_IF_ERROR(reader.Read("max_new_tokens", 1, kLongestOutput, defaults.max_length));
  return defaults;
}

}  // namespace regroup
