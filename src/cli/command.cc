// Values of flags: the same spellings as in recipes.
#include "cli/command.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "recipe/units.h"

namespace regroup {
namespace {

absl::Status InRange(const Field& field, double value) {
  if (value >= field.minimum && value <= field.maximum) return absl::OkStatus();
  std::vector<std::string> expected;
  if (!std::isinf(field.minimum)) expected.push_back("at least " + FormatLimit(field.minimum));
  if (!std::isinf(field.maximum)) expected.push_back("at most " + FormatLimit(field.maximum));
  return absl::InvalidArgumentError(absl::StrCat("expected ", absl::StrJoin(expected, ", ")));
}

}  // namespace

absl::Status SetValue(const Field&, const std::string& text, bool& value) {
  value = text == "true";
  return value || text == "false"
             ? absl::OkStatus()
             : absl::InvalidArgumentError("expected true or false, or no value");
}

absl::Status SetValue(const Field& field, const std::string& text, int64_t& value) {
  REGROUP_ASSIGN_OR_RETURN(value, ParseCount(text));
  return InRange(field, static_cast<double>(value));
}

absl::Status SetValue(const Field& field, const std::string& text, double& value) {
  REGROUP_ASSIGN_OR_RETURN(value, ParseNumber(text));
  return InRange(field, value);
}

absl::Status SetValue(const Field& field, const std::string& text, std::string& value) {
  const std::vector<std::string>& allowed = field.one_of;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected ", absl::StrJoin(allowed, " or "), DidYouMean(text, allowed)));
  }
  value = text;
  return absl::OkStatus();
}

std::string DisplayName(const Flag& flag) {
  return flag.positional ? flag.field.name
                         : absl::StrCat("--", absl::StrReplaceAll(flag.field.name, {{"_", "-"}}));
}

std::vector<Flag> CommonFlags(CommonOptions& common) {
  FlagCollector collector({});
  CommonOptions::Visit(common, collector);
  return collector.Take();
}

bool ShowsCommon(const Command& command, const std::string& name) {
  if (name == "device") return command.computes == Computes::kAnywhere;
  if (name == "precision") return command.computes != Computes::kNothing;
  return true;
}

std::pair<std::string, std::string> SplitName(const std::string& name) {
  const size_t space = name.find(' ');
  if (space == std::string::npos) return {"", name};
  return {name.substr(0, space), name.substr(space + 1)};
}

}  // namespace regroup
