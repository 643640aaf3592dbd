// Parsing and filling of task templates.
#include "data/template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace regroup {
namespace {

absl::StatusOr<std::string> ScalarText(const Json& value, const std::string& place) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return DumpJson(value);
  return UserError(
      place, absl::StrCat("is ", value.type_name(), ", expected text, a number or a list of them"));
}

// The texts of one field: one, or a list's entries.
absl::StatusOr<std::vector<std::string>> FieldTexts(const Json& row, const std::string& field,
                                                    const std::string& row_place,
                                                    const std::string& template_place) {
  const auto found = row.find(field);
  if (found == row.end()) {
    std::vector<std::string> keys;
    for (const auto& item : row.items()) keys.push_back(item.key());
    return UserError(row_place,
                     absl::StrCat("has no field \"", field, "\"", DidYouMean(field, keys),
                                  ", which the template of ", template_place,
                                  " names; its fields: ", absl::StrJoin(keys, ", ")));
  }
  const std::string place = absl::StrCat(row_place, ": ", field);
  std::vector<std::string> texts;
  if (!found->is_array()) {
    REGROUP_ASSIGN_OR_RETURN(std::string text, ScalarText(*found, place));
    texts.push_back(std::move(text));
    return texts;
  }
  if (found->empty()) return UserError(place, "is an empty list");
  for (const Json& value : *found) {
    REGROUP_ASSIGN_OR_RETURN(std::string text, ScalarText(value, place));
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace

absl::StatusOr<Template> Template::Parse(const std::string& text, const std::string& place) {
  Template result;
  result.place_ = place;
  std::string literal;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && text.substr(i + 1, 1) == text.substr(i, 1)) {
      literal += c;
      ++i;
    } else if (c == '{') {
      const size_t end = text.find_first_of("{}", i + 1);
      if (end == std::string::npos || text[end] == '{' || end == i + 1) {
        return UserError(place, absl::StrCat("\"", text, "\" opens a field at character ", i + 1,
                                             " and does not close it; write {field}, or {{ for a "
                                             "brace"));
      }
      result.parts_.push_back({false, std::exchange(literal, "")});
      result.parts_.push_back({true, text.substr(i + 1, end - i - 1)});
      i = end;
    } else if (c == '}') {
      return UserError(place, absl::StrCat("\"", text, "\" closes a field at character ", i + 1,
                                           " that was not opened; write }} for a brace"));
    } else {
      literal += c;
    }
  }
  result.parts_.push_back({false, literal});
  return result;
}

std::vector<std::string> Template::Fields() const {
  std::vector<std::string> names;
  for (const Part& part : parts_) {
    if (part.is_field) names.push_back(part.text);
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> Template::Apply(const Json& row,
                                                         const std::string& row_place) const {
  std::vector<std::vector<std::string>> choices;
  size_t count = 1;
  for (const Part& part : parts_) {
    std::vector<std::string> texts = {part.text};
    if (part.is_field) {
      REGROUP_ASSIGN_OR_RETURN(texts, FieldTexts(row, part.text, row_place, place_));
    }
    count = std::max(count, texts.size());
    choices.push_back(std::move(texts));
  }
  std::vector<std::string> results(count);
  for (size_t i = 0; i < count; ++i) {
    for (const std::vector<std::string>& texts : choices) {
      results[i] += i < texts.size() ? texts[i] : texts[0];
    }
  }
  return results;
}

}  // namespace regroup
