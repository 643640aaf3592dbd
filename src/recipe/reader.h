// Fills config structs from a YAML tree by their visitors (core/fields.h). Every deviation is a
// problem with file and line: unknown key, wrong type, out of range, missing. Paths become
// absolute, in the struct and in the tree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/fields.h"
#include "optim/optim_config.h"
#include "recipe/yaml_tree.h"

namespace regroup {

// "a.b"; "b" where the section is the root.
std::string JoinKey(const std::string& section, const std::string& key);

// A path value is one path, or several with commas (the two sides of a parallel corpus:
// "a.en,a.de").
std::vector<std::string> PathList(const std::string& text);

// The variable of the environment that a path of a recipe begins with ("${REGROUP_DATA}/c4") and
// that is not set; the reader replaces those that are.
std::optional<std::string> UnsetVariable(const std::string& path);

// Scalars. `field` gives limits; `key_path` is for the message. False: a problem was added.
bool ReadScalar(const Field& field, Node& node, const std::string& key_path, Problems& problems,
                bool& value);
bool ReadScalar(const Field& field, Node& node, const std::string& key_path, Problems& problems,
                int64_t& value);
bool ReadScalar(const Field& field, Node& node, const std::string& key_path, Problems& problems,
                uint64_t& value);
bool ReadScalar(const Field& field, Node& node, const std::string& key_path, Problems& problems,
                double& value);
bool ReadScalar(const Field& field, Node& node, const std::string& key_path, Problems& problems,
                std::string& value);

// Adds problems for keys of `node` that are not in `known`.
void ReportUnknownKeys(const Node& node, const std::string& section,
                       const std::vector<std::string>& known, Problems& problems);

// A person writes the keys that matter, a record of ours holds every key: there a key without
// effect is no mistake.
enum class Origin { kPerson, kRecord };

// The visitor: one per section.
class SectionReader {
 public:
  SectionReader(Node& node, std::string section, Problems& problems, Origin origin)
      : node_(node), section_(std::move(section)), problems_(problems), origin_(origin) {}

  template <class T>
  void operator()(const Field& field, T& value) {
    known_.push_back(field.name);
    Node* child = node_.Find(field.name);
    if (child == nullptr || child->kind == Node::Kind::kNull) return ReportMissing(field, child);
    if (!field.only_if_key.empty() && origin_ == Origin::kPerson)
      conditional_.emplace_back(field, child->mark);
    Read(field, *child, JoinKey(section_, field.name), value);
  }

  // `values`: the section as it was read.
  void Finish(const Json& values) {
    ReportUnknownKeys(node_, section_, known_, problems_);
    for (const auto& [field, mark] : conditional_) ReportWithoutEffect(field, mark, values);
  }

 private:
  void ReportMissing(const Field& field, const Node* child);
  void ReportWithoutEffect(const Field& field, const Mark& mark, const Json& values);
  bool Expect(Node& node, Node::Kind kind, const std::string& key_path, const std::string& what);

  template <class T>
  void Read(const Field& field, Node& node, const std::string& key_path, T& value) {
    if constexpr (std::is_same_v<T, Json>) {
      value = NodeToJson(node);
    } else if constexpr (std::is_same_v<T, ScheduleConfig>) {
      ReadSchedule(field, node, key_path, value);
    } else if constexpr (ConfigStruct<T>) {
      ReadSection(node, key_path, value);
    } else if constexpr (IsOptional<T>::value) {
      value.emplace();
      Read(field, node, key_path, *value);
    } else if constexpr (requires { typename T::mapped_type; }) {
      ReadMap(field, node, key_path, value);
    } else if constexpr (requires { value.push_back({}); } && !std::is_same_v<T, std::string>) {
      ReadList(field, node, key_path, value);
    } else {
      ReadScalar(field, node, key_path, problems_, value);
    }
  }

  template <class T>
  void ReadSection(Node& node, const std::string& key_path, T& value) {
    if (!Expect(node, Node::Kind::kMap, key_path, "a section of keys")) return;
    SectionReader reader(node, key_path, problems_, origin_);
    T::Visit(value, reader);
    reader.Finish(ConfigToJson(value));
  }

  template <class T>
  void ReadMap(const Field& field, Node& node, const std::string& key_path, T& value) {
    if (!Expect(node, Node::Kind::kMap, key_path, "a section of names")) return;
    value.clear();
    for (size_t i = 0; i < node.items.size(); ++i) {
      Read(field, node.items[i], JoinKey(key_path, node.keys[i]), value[node.keys[i]]);
    }
  }

  // A single value stands for a list of one.
  template <class T>
  void ReadList(const Field& field, Node& node, const std::string& key_path, T& value) {
    value.clear();
    if (node.IsScalar()) {
      ReadScalar(field, node, key_path, problems_, value.emplace_back());
      return;
    }
    if (!Expect(node, Node::Kind::kList, key_path, "a list")) return;
    for (Node& item : node.items)
      ReadScalar(field, item, key_path, problems_, value.emplace_back());
  }

  // A number is a constant rate; rsqrt's own defaults are T5's (factor 1, flat for 10,000 steps).
  void ReadSchedule(const Field& field, Node& node, const std::string& key_path,
                    ScheduleConfig& value);

  Node& node_;
  std::string section_;
  Problems& problems_;
  Origin origin_;
  std::vector<std::string> known_;
  std::vector<std::pair<Field, Mark>> conditional_;  // given, and in need of another field's value
};

// Reads a whole section into `config`.
template <ConfigStruct T>
void ReadConfig(Node& node, const std::string& section, T& config, Problems& problems,
                Origin origin = Origin::kPerson) {
  SectionReader reader(node, section, problems, origin);
  T::Visit(config, reader);
  reader.Finish(ConfigToJson(config));
}

}  // namespace regroup
