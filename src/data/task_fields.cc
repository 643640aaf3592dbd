// Booleans, replacements and lines.
#include "data/task_fields.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace regroup {
namespace {

// The lists that a template names must be as long as each other; lone values stand beside each
// entry.
absl::Status CheckLengths(const Template& made, const Json& row, const std::string& place) {
  std::string first;
  for (const std::string& field : made.Fields()) {
    if (!row.contains(field) || !row[field].is_array()) continue;
    if (first.empty()) first = field;
    if (row[field].size() == row[first].size()) continue;
    return UserError(place,
                     absl::StrCat("\"", first, "\" has ", row[first].size(), " entries, \"", field,
                                  "\" has ", row[field].size(), "; expected as many of both"));
  }
  return absl::OkStatus();
}

// A document without sentences (some of PubMed's articles) makes an empty text.
bool OfEmptyLists(const Template& made, const Json& row) {
  const std::vector<std::string> fields = made.Fields();
  return std::any_of(fields.begin(), fields.end(), [&](const std::string& field) {
    return row.contains(field) && row[field].is_array() && row[field].empty();
  });
}

}  // namespace

absl::StatusOr<TaskFields> TaskFields::Create(const TaskFieldsConfig& config,
                                              const std::string& place) {
  TaskFields fields;
  fields.config_ = config;
  if (!config.booleans.empty() && config.booleans.size() != 2) {
    return UserError(place + ": booleans", absl::StrCat("has ", config.booleans.size(),
                                                        " entries, expected the two texts of "
                                                        "false and true"));
  }
  for (const auto& [name, text] : config.lines) {
    REGROUP_ASSIGN_OR_RETURN(Template made,
                             Template::Parse(text, absl::StrCat(place, ": lines.", name)));
    fields.lines_.emplace(name, std::move(made));
  }
  return fields;
}

std::string TaskFields::Text(std::string text) const {
  for (const auto& [from, to] : config_.replace) {
    if (!from.empty()) absl::StrReplaceAll({{from, to}}, &text);
  }
  return text;
}

Json TaskFields::Value(const Json& value) const {
  if (value.is_boolean() && !config_.booleans.empty())
    return config_.booleans[value.get<bool>() ? 1 : 0];
  if (value.is_string()) return Text(value.get<std::string>());
  if (!value.is_array()) return value;
  Json list = Json::array();
  for (const Json& entry : value) list.push_back(entry.is_array() ? entry : Value(entry));
  return list;
}

absl::StatusOr<Json> TaskFields::Prepare(Json row, const std::string& row_place) const {
  if (!config_.booleans.empty() || !config_.replace.empty()) {
    for (auto& item : row.items()) item.value() = Value(item.value());
  }
  Json made = Json::object();
  for (const auto& [name, line] : lines_) {
    const std::string place = absl::StrCat(row_place, ": ", name);
    if (row.contains(name)) return UserError(place, "is a field already; name the lines otherwise");
    REGROUP_RETURN_IF_ERROR(CheckLengths(line, row, place));
    if (OfEmptyLists(line, row)) {
      made[name] = "";
      continue;
    }
    REGROUP_ASSIGN_OR_RETURN(const auto texts, line.Apply(row, row_place));
    std::string joined;
    for (const std::string& text : texts)
      absl::StrAppend(&joined, joined.empty() ? "" : "\n", absl::StripAsciiWhitespace(text));
    made[name] = std::move(joined);
  }
  for (auto& item : made.items()) row[item.key()] = std::move(item.value());
  return row;
}

}  // namespace regroup
