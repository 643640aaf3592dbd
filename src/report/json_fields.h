// Fields of JSON that may be damaged: a wrong or missing one gives an empty value, never an error.
// Used by what reads run folders.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "core/json.h"

namespace regroup {

inline const Json& FieldOf(const Json& json, const std::string& key) {
  static const Json null;
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() ? *found : null;
}

inline std::string TextOf(const Json& json, const std::string& key) {
  const Json& field = FieldOf(json, key);
  return field.is_string() ? field.get<std::string>() : "";
}

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

inline double NumberOf(const Json& json) {
  return json.is_number() ? json.get<double>() : kUnknown;
}
inline double NumberOf(const Json& json, const std::string& key) {
  return NumberOf(FieldOf(json, key));
}

// null where the number is unknown or infinite, which JSON cannot say.
inline Json NumberToJson(double value) { return std::isfinite(value) ? Json(value) : Json(); }

}  // namespace regroup
