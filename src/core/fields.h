// How a config struct lists its fields: once, with help and limits. Reader (recipe), writer, hash
// and help all come from that list, so adding a knob is one line. A config struct is a plain
// aggregate with defaults and
//
//   template <class Self, class Visitor>
//   static void Visit(Self& c, Visitor& v) {
//     v(Field("steps", "optimizer steps").Required().AtLeast(1), c.steps);
//     v(Field("name", "which optimizer").OneOf({"adafactor", "adamw"}), c.name);
//   }
//
// Field types: bool, int64_t ("50k steps", "10 GB" accepted), double ("5%" accepted), std::string,
// std::optional of those, std::vector<std::string|double|int64_t>, std::map<std::string, T>, Json
// (anything), and nested config structs.
#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/json.h"

namespace regroup {

struct Field {
  Field(std::string field_name, std::string field_help)
      : name(std::move(field_name)), help(std::move(field_help)) {}
  Field& Required() { return required = true, *this; }
  Field& AtLeast(double low) { return minimum = low, *this; }
  Field& AtMost(double high) { return maximum = high, *this; }
  Field& OneOf(std::vector<std::string> values) { return one_of = std::move(values), *this; }
  // A value that cannot change results (logging, retention, device): left out of the stage's hash.
  Field& NoResult() { return changes_results = false, *this; }
  // The value is a path, relative to the file that names it.
  Field& Path() { return is_path = true, *this; }
  // The value names a stage, or, if it contains a /, a folder: then it is a path.
  Field& StageOrFolder() { return is_stage_or_folder = true, *this; }
  // Has an effect only where the field `key` of the same section has one of `values`.
  Field& OnlyIf(std::string key, std::vector<std::string> values) {
    only_if_key = std::move(key);
    only_if_values = std::move(values);
    return *this;
  }

  std::string name;
  std::string help;
  bool required = false;
  bool changes_results = true;
  bool is_path = false;
  bool is_stage_or_folder = false;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> one_of;
  std::string only_if_key;
  std::vector<std::string> only_if_values;
};

namespace internal {
struct NoVisit {
  template <class T>
  void operator()(const Field&, T&) {}
};
}  // namespace internal

template <class T>
concept ConfigStruct = std::is_class_v<T> && requires(T& c, internal::NoVisit& v) {
  T::Visit(c, v);
};

template <class T>
Json FieldToJson(const T& value, bool results_only);

// Writes a config as JSON; with `results_only` fields marked NoResult are left out (what a stage
// hash covers).
class JsonWriter {
 public:
  explicit JsonWriter(bool results_only) : results_only_(results_only) {}
  template <class T>
  void operator()(const Field& field, const T& value) {
    if (results_only_ && !field.changes_results) return;
    json_[field.name] = FieldToJson(value, results_only_);
  }
  Json Take() { return std::move(json_); }

 private:
  bool results_only_;
  Json json_ = Json::object();
};

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
Json FieldToJson(const T& value, bool results_only) {
  if constexpr (ConfigStruct<T>) {
    JsonWriter writer(results_only);
    T::Visit(value, writer);
    return writer.Take();
  } else if constexpr (IsOptional<T>::value) {
    return value.has_value() ? FieldToJson(*value, results_only) : Json(nullptr);
  } else if constexpr (requires { typename T::mapped_type; } && !std::is_same_v<T, Json>) {
    Json object = Json::object();
    for (const auto& [key, item] : value) object[key] = FieldToJson(item, results_only);
    return object;
  } else {
    return Json(value);
  }
}

template <ConfigStruct T>
Json ConfigToJson(const T& config, bool results_only = false) {
  return FieldToJson(config, results_only);
}

}  // namespace regroup
