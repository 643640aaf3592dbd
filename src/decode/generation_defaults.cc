// Keys of generation_config.json. See generation_defaults.h.
#include "decode/generation_defaults.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/log.h"

namespace regroup {
namespace {

class GenerationReader {
 public:
  GenerationReader(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  // A whole number from `low` to `high`, alone or as a list of one; absent and null change nothing.
  // T: int64_t, std::optional<int64_t>.
  template <class T>
  absl::Status Read(const char* key, int64_t low, int64_t high, T& value) const {
    const Json* found = Find(key);
    if (found == nullptr) return absl::OkStatus();
    const Json& one = found->is_array() && found->size() == 1 ? (*found)[0] : *found;
    const bool fits = one.is_number_integer() && one.get<double>() >= static_cast<double>(low) &&
                      one.get<double>() <= static_cast<double>(high);
    if (!fits) return Wrong(key, absl::StrCat("a whole number from ", low, " to ", high));
    value = one.get<int64_t>();
    return absl::OkStatus();
  }

  absl::Status Read(const char* key, std::optional<double>& value) const {
    const Json* found = Find(key);
    if (found == nullptr) return absl::OkStatus();
    if (!found->is_number() || !std::isfinite(found->get<double>())) return Wrong(key, "a number");
    value = found->get<double>();
    return absl::OkStatus();
  }

  absl::Status ReadEarlyStopping(std::optional<std::string>& value) const {
    const Json* found = Find("early_stopping");
    if (found == nullptr) return absl::OkStatus();
    if (found->is_boolean()) {
      value = found->get<bool>() ? "true" : "false";
    } else if (*found == "never") {
      value = "never";
    } else {
      return Wrong("early_stopping", "true, false or \"never\"");
    }
    return absl::OkStatus();
  }

  // The file asks for nothing that this program would leave out.
  absl::Status RefuseOthers() const;

 private:
  const Json* Find(const char* key) const {
    return json_.contains(key) && !json_[key].is_null() ? &json_[key] : nullptr;
  }
  absl::Status Wrong(const char* key, const std::string& expected) const {
    return UserError(place_, absl::StrCat(key, ": found ", DumpJson(json_[key]).substr(0, 100),
                                          ", expected ", expected));
  }

  const Json& json_;
  std::string place_;
};

// Keys of Hugging Face's GenerationConfig (transformers 5.23 and those of 4) that change the ids of
// a search and are not implemented, with the values at which they do nothing (null always is one).
struct Unsupported {
  const char* key;
  std::vector<Json> neutral;
};
const std::vector<Unsupported>& UnsupportedKeys() {
  const Json none = Json::array();
  static const std::vector<Unsupported> keys = {
      {"repetition_penalty", {1}},
      {"encoder_repetition_penalty", {1}},
      {"encoder_no_repeat_ngram_size", {0}},
      {"bad_words_ids", {none}},
      {"force_words_ids", {none}},
      {"constraints", {none}},
      {"sequence_bias", {none, Json::object()}},
      {"suppress_tokens", {none}},
      {"begin_suppress_tokens", {none}},
      {"exponential_decay_length_penalty", {}},
      {"renormalize_logits", {false}},
      {"guidance_scale", {1}},
      {"num_beam_groups", {1}},
      {"diversity_penalty", {0}},
      {"penalty_alpha", {0}},
      {"dola_layers", {}},
      {"watermarking_config", {}},
      {"token_healing", {false}},
      {"stop_strings", {none}},
      {"max_time", {}},
  };
  return keys;
}

absl::Status GenerationReader::RefuseOthers() const {
  for (const Unsupported& one : UnsupportedKeys()) {
    const Json* found = Find(one.key);
    if (found == nullptr || std::ranges::count(one.neutral, *found) > 0) continue;
    return Wrong(one.key, absl::StrCat(one.neutral.empty() ? "null" : DumpJson(one.neutral[0]),
                                       ": regroup does not implement it; remove the key to decode "
                                       "without it"));
  }
  if (const Json* found = Find("do_sample"); found != nullptr && *found != false) {
    LogWarning(absl::StrCat(place_, ": do_sample is ", DumpJson(*found).substr(0, 100),
                            "; regroup does not sample and searches instead"));
  }
  if (const Json* found = Find("num_return_sequences"); found != nullptr && *found != 1) {
    LogWarning(absl::StrCat(place_, ": num_return_sequences is ", DumpJson(*found).substr(0, 100),
                            "; --n-best says how many hypotheses of a row are written"));
  }
  return absl::OkStatus();
}

// The file's max_length and min_length count the start token, ours do not.
absl::Status ReadLengths(const GenerationReader& reader, GenerationDefaults& defaults) {
  int64_t with_start = defaults.max_length + 1;
  REGROUP_RETURN_IF_ERROR(reader.Read("max_length", 2, kLongestOutput + 1, with_start));
  defaults.max_length = with_start - 1;
  REGROUP_RETURN_IF_ERROR(reader.Read("max_new_tokens", 1, kLongestOutput, defaults.max_length));
  std::optional<int64_t>& least = defaults.decode.min_length;
  REGROUP_RETURN_IF_ERROR(reader.Read("min_length", 0, kLongestOutput + 1, least));
  if (least.has_value()) least = std::max<int64_t>(0, *least - 1);
  return reader.Read("min_new_tokens", 0, kLongestOutput, least);
}

absl::Status ReadSearch(const GenerationReader& reader, int64_t last_id, DecodeConfig& decode) {
  REGROUP_RETURN_IF_ERROR(reader.Read("num_beams", 1, kMostBeams, decode.beams));
  REGROUP_RETURN_IF_ERROR(reader.Read("length_penalty", decode.length_penalty));
  REGROUP_RETURN_IF_ERROR(reader.ReadEarlyStopping(decode.early_stopping));
  REGROUP_RETURN_IF_ERROR(
      reader.Read("no_repeat_ngram_size", 0, kLongestOutput, decode.no_repeat_ngram_size));
  REGROUP_RETURN_IF_ERROR(
      reader.Read("forced_bos_token_id", 0, last_id, decode.forced_bos_token_id));
  return reader.Read("forced_eos_token_id", 0, last_id, decode.forced_eos_token_id);
}

template <class T>
void TakeIfAbsent(std::optional<T>& value, const std::optional<T>& other) {
  if (!value.has_value()) value = other;
}

// Beams, length penalty and early stopping have defaults of their own: scores of models stay
// comparable whatever their files say. A file that asks for more beams is worth a line.
void NoteSearch(const DecodeConfig& options, const DecodeConfig& model) {
  if (options.beams.has_value() || model.beams.value_or(1) == 1) return;
  LogInfo(absl::StrCat("generation_config.json asks for ", *model.beams,
                       " beams; this search is greedy (--beams ", *model.beams,
                       " follows the file)"));
}

absl::Status CheckForcedId(const char* name, const std::optional<int64_t>& id, int64_t vocab_size) {
  if (!id.has_value() || (*id >= 0 && *id < vocab_size)) return absl::OkStatus();
  return UserError(name, absl::StrCat("found ", *id, ", expected an id from 0 to ", vocab_size - 1,
                                      ", the model's vocabulary"));
}

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
  REGROUP_RETURN_IF_ERROR(ReadLengths(reader, defaults));
  REGROUP_RETURN_IF_ERROR(ReadSearch(reader, last_id, defaults.decode));
  REGROUP_RETURN_IF_ERROR(reader.RefuseOthers());
  return defaults;
}

absl::StatusOr<DecodeConfig> WithDefaults(DecodeConfig options,
                                          const GenerationDefaults& defaults) {
  const DecodeConfig& model = defaults.decode;
  NoteSearch(options, model);
  TakeIfAbsent(options.max_length, std::optional(defaults.max_length));
  TakeIfAbsent(options.min_length, model.min_length);
  TakeIfAbsent(options.no_repeat_ngram_size, model.no_repeat_ngram_size);
  TakeIfAbsent(options.forced_bos_token_id, model.forced_bos_token_id);
  TakeIfAbsent(options.forced_eos_token_id, model.forced_eos_token_id);
  const int64_t vocab = defaults.config.vocab_size, beams = options.beams.value_or(1);
  REGROUP_RETURN_IF_ERROR(CheckForcedId("forced_bos_token_id", options.forced_bos_token_id, vocab));
  REGROUP_RETURN_IF_ERROR(CheckForcedId("forced_eos_token_id", options.forced_eos_token_id, vocab));
  if (options.n_best > beams) {
    return UserError("--n-best", absl::StrCat("found ", options.n_best, ", but a search with ",
                                              beams, beams == 1 ? " beam" : " beams",
                                              " finds no more than that; raise beams"));
  }
  if (options.min_length.value_or(0) >= *options.max_length) {
    LogWarning(absl::StrCat("no output can end: the minimum length is ", *options.min_length,
                            ", the longest ", *options.max_length, " with EOS"));
  }
  return options;
}

}  // namespace regroup
