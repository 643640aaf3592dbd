// The parts of the reader that do not depend on the struct, and the wording of its messages.
#include "recipe/reader.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/files.h"
#include "recipe/describe.h"
#include "recipe/units.h"

namespace regroup {
namespace {

bool Complain(const Node& node, const std::string& key_path, const std::string& expected,
              Problems& problems) {
  std::string hint;
  if (node.IsMap() && node.keys.size() == 1 && node.items[0].kind == Node::Kind::kNull) {
    hint = absl::StrCat(" (a placeholder needs quotes: \"{", node.keys[0], "}\")");
  }
  problems.Add(node.mark, key_path, absl::StrCat("found ", Describe(node), ", ", expected, hint));
  return false;
}

bool InRange(const Field& field, double value) {
  return value >= field.minimum && value <= field.maximum;
}

std::string RangeText(const Field& field) {
  if (std::isinf(field.maximum))
    return absl::StrCat("expected at least ", FormatLimit(field.minimum));
  if (std::isinf(field.minimum))
    return absl::StrCat("expected at most ", FormatLimit(field.maximum));
  if (field.minimum == field.maximum)
    return absl::StrCat("only ", FormatLimit(field.minimum), " is supported");
  return absl::StrCat("expected between ", FormatLimit(field.minimum), " and ",
                      FormatLimit(field.maximum));
}

// `path` with a variable of the environment at its beginning ("${REGROUP_DATA}/c4") replaced; as it
// stands where that is not set.
std::string WithVariable(const std::string& path) {
  const size_t end = path.find('}');
  if (!path.starts_with("${") || end == std::string::npos) return path;
  const char* value = std::getenv(path.substr(2, end - 2).c_str());
  return value == nullptr || *value == '\0' ? path : value + path.substr(end + 1);
}

// Relative to the recipe's folder. A path whose variable is not set stays as it is: who opens it
// says so (UnsetVariable).
std::string AbsolutePath(const std::string& path, const std::string& folder) {
  const std::string whole = WithVariable(path);
  if (UnsetVariable(whole).has_value()) return whole;
  return std::filesystem::absolute(JoinPath(folder, whole)).lexically_normal().string();
}

}  // namespace

std::optional<std::string> UnsetVariable(const std::string& path) {
  const size_t end = path.find('}');
  if (!path.starts_with("${") || end == std::string::npos) return std::nullopt;
  return path.substr(2, end - 2);
}

std::string JoinKey(const std::string& section, const std::string& key) {
  return section.empty() ? key : absl::StrCat(section, ".", key);
}

std::vector<std::string> PathList(const std::string& text) { return absl::StrSplit(text, ','); }

bool ReadScalar(const Field&, Node& node, const std::string& key_path, Problems& problems,
                bool& value) {
  if (!node.IsScalar() || (node.text != "true" && node.text != "false")) {
    return Complain(node, key_path, "expected true or false", problems);
  }
  value = node.text == "true";
  return true;
}

bool ReadScalar(const Field& field, Node& node, const std::string& key_path, Problems& problems,
                int64_t& value) {
  const absl::StatusOr<int64_t> parsed = ParseCount(node.text);
  if (!node.IsScalar() || !parsed.ok()) {
    return Complain(node, key_path, "expected a whole number, for instance 800, 50k steps or 10 GB",
                    problems);
  }
  value = *parsed;
  return InRange(field, static_cast<double>(value)) ||
         Complain(node, key_path, RangeText(field), problems);
}

bool ReadScalar(const Field& field, Node& node, const std::string& key_path, Problems& problems,
                uint64_t& value) {
  int64_t number = 0;
  if (!ReadScalar(field, node, key_path, problems, number)) return false;
  if (number < 0) return Complain(node, key_path, "expected at least 0", problems);
  value = static_cast<uint64_t>(number);
  return true;
}

bool ReadScalar(const Field& field, Node& node, const std::string& key_path, Problems& problems,
                double& value) {
  const absl::StatusOr<double> parsed = ParseNumber(node.text);
  if (!node.IsScalar() || !parsed.ok()) {
    return Complain(node, key_path, "expected a number, for instance 0.001 or 5%", problems);
  }
  value = *parsed;
  return InRange(field, value) || Complain(node, key_path, RangeText(field), problems);
}

bool ReadScalar(const Field& field, Node& node, const std::string& key_path, Problems& problems,
                std::string& value) {
  if (!node.IsScalar())
    return Complain(node, key_path, field.is_path ? "expected a path" : "expected a word",
                    problems);
  const std::vector<std::string>& allowed = field.one_of;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), node.text) == allowed.end()) {
    return Complain(
        node, key_path,
        absl::StrCat("expected ", absl::StrJoin(allowed, " or "), DidYouMean(node.text, allowed)),
        problems);
  }
  const bool folder = field.is_stage_or_folder && node.text.find('/') != std::string::npos;
  if ((field.is_path || folder) && !node.text.empty()) {
    std::vector<std::string> paths = PathList(node.text);
    for (std::string& path : paths) path = AbsolutePath(path, node.mark.Folder());
    node.text = absl::StrJoin(paths, ",");
    node.plain = false;
  }
  value = node.text;
  return true;
}

void ReportUnknownKeys(const Node& node, const std::string& section,
                       const std::vector<std::string>& known, Problems& problems) {
  for (size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& key = node.keys[i];
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string hint = DidYouMean(key, known);
    const std::vector<std::string> elsewhere = SectionsWithKey(key);
    if (!elsewhere.empty()) {
      hint += absl::StrCat("; \"", key, "\" is a key of ", absl::StrJoin(elsewhere, ", "));
    } else if (hint.empty()) {
      hint = absl::StrCat("; known here: ", absl::StrJoin(known, ", "));
    }
    problems.Add(node.key_marks[i], JoinKey(section, key), absl::StrCat("unknown key", hint));
  }
}

void SectionReader::ReportMissing(const Field& field, const Node* child) {
  if (field.required) {
    problems_.Add(
        child != nullptr ? child->mark : node_.mark, section_,
        absl::StrCat("the required key \"", field.name, "\" is missing (", field.help, ")"));
  } else if (child != nullptr) {
    problems_.Add(child->mark, JoinKey(section_, field.name),
                  absl::StrCat("has no value; give one (", field.help, ") or remove the key"));
  }
}

void SectionReader::ReportWithoutEffect(const Field& field, const Mark& mark, const Json& values) {
  const std::string found = values.at(field.only_if_key).get<std::string>();
  if (std::find(field.only_if_values.begin(), field.only_if_values.end(), found) !=
      field.only_if_values.end())
    return;
  problems_.Add(
      mark, JoinKey(section_, field.name),
      absl::StrCat("has no effect with ", field.only_if_key, ": ", found, "; it acts with ",
                   absl::StrJoin(field.only_if_values, " or "), "; remove it"));
}

bool SectionReader::Expect(Node& node, Node::Kind kind, const std::string& key_path,
                           const std::string& what) {
  return node.kind == kind || Complain(node, key_path, absl::StrCat("expected ", what), problems_);
}

void SectionReader::ReadSchedule(const Field& field, Node& node, const std::string& key_path,
                                 ScheduleConfig& value) {
  if (node.IsScalar()) {
    value = ScheduleConfig{};
    Field rate = field;
    rate.AtLeast(0);
    ReadScalar(rate, node, key_path, problems_, value.rate);
    return;
  }
  const Node* schedule = node.Find("schedule");
  if (schedule != nullptr && schedule->text == "rsqrt") {
    value.rate = 1;
    value.warmup_steps = 10000;
  }
  ReadSection(node, key_path, value);
}

}  // namespace regroup
