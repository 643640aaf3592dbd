// Task templates: "summarize: {description}" over the fields of a row. ReadTaskRows uses it.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// Text with fields in braces; "{{" and "}}" are braces themselves.
class Template {
 public:
  // `place` names the template in errors ("task titles: input").
  static absl::StatusOr<Template> Parse(const std::string& text, const std::string& place);

  // The texts of a row (a JSON object): one where all fields are single values, else one for each
  // entry of the longest list field (shorter lists repeat their first entry). UserError at
  // `row_place` for a field that the row lacks (with the nearest one), an empty list, an object or
  // null.
  absl::StatusOr<std::vector<std::string>> Apply(const Json& row,
                                                 const std::string& row_place) const;

  // Names of the fields, in their order.
  std::vector<std::string> Fields() const;

 private:
  struct Part {
    bool is_field = false;
    std::string text;  // literal, or the field's name
  };
  std::string place_;
  std::vector<Part> parts_;
};

}  // namespace regroup
