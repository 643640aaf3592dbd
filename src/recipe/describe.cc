// Walks all config structs that a recipe can hold.
#include "recipe/describe.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "recipe/recipe.h"
#include "recipe/stage_kinds.h"
#include "recipe/units.h"

namespace regroup {
namespace {

template <class T>
std::string TypeName() {
  if constexpr (IsOptional<T>::value)
    return TypeName<typename T::value_type>();
  else if constexpr (std::is_same_v<T, bool>)
    return "true or false";
  else if constexpr (std::is_integral_v<T>)
    return "whole number";
  else if constexpr (std::is_same_v<T, double>)
    return "number";
  else if constexpr (std::is_same_v<T, std::string>)
    return "text";
  else if constexpr (std::is_same_v<T, Json>)
    return "YAML";
  else if constexpr (ConfigStruct<T>)
    return "section";
  else if constexpr (requires { typename T::mapped_type; })
    return absl::StrCat("name: ", TypeName<typename T::mapped_type>());
  else
    return absl::StrCat("list of ", TypeName<typename T::value_type>());
}

std::string Allowed(const Field& field) {
  std::string text;
  if (!field.one_of.empty()) text = absl::StrJoin(field.one_of, ", ");
  if (!std::isinf(field.minimum)) absl::StrAppend(&text, "at least ", FormatLimit(field.minimum));
  if (!std::isinf(field.maximum))
    absl::StrAppend(&text, text.empty() ? "" : ", ", "at most ", FormatLimit(field.maximum));
  if (!field.only_if_key.empty())
    absl::StrAppend(&text, text.empty() ? "" : "; ", "with ", field.only_if_key, ": ",
                    absl::StrJoin(field.only_if_values, " or "));
  return text;
}

class Describer {
 public:
  Describer(std::vector<SectionText>& sections, std::string path)
      : sections_(sections), path_(std::move(path)) {
    index_ = sections_.size();
    sections_.push_back({path_, {}});
  }

  template <class T>
  void operator()(const Field& field, const T& value) {
    KeyLine line{field.name, field.is_path ? "path" : TypeName<T>(), DefaultText(field, value),
                 field.help, Allowed(field)};
    sections_[index_].keys.push_back(std::move(line));
    Descend<T>(path_.empty() ? field.name : absl::StrCat(path_, ".", field.name));
  }

 private:
  template <class T>
  static std::string DefaultText(const Field& field, const T& value) {
    if (field.required) return "required";
    if constexpr (ConfigStruct<T> || std::is_same_v<T, Json>) {
      return "";
    } else {
      const Json json = FieldToJson(value, false);
      if (json.is_null() || (json.is_structured() && json.empty())) return "";
      return json.is_string() ? json.get<std::string>() : DumpJson(json);
    }
  }

  template <class T>
  void Descend(const std::string& path) {
    if constexpr (IsOptional<T>::value) {
      Descend<typename T::value_type>(path);
    } else if constexpr (ConfigStruct<T>) {
      const T fresh{};
      Describer below(sections_, path);
      T::Visit(fresh, below);
    } else if constexpr (requires { typename T::mapped_type; }) {
      Descend<typename T::mapped_type>(absl::StrCat(path, ".<name>"));
    }
  }

  std::vector<SectionText>& sections_;
  std::string path_;
  size_t index_;
};

template <class T>
void Add(const T& config, const std::string& path, std::vector<SectionText>& sections) {
  Describer describer(sections, path);
  T::Visit(config, describer);
}

constexpr char kIntroduction[] = R"(# Recipes: every key

Made by `regroup docs recipes` from the structs that read them; a test keeps it current.

A recipe is YAML. `include` lists parts (relative to the file that includes them): later parts win over earlier ones,
own keys over parts, `--set key.path=value` over all. Relative paths are relative to the file that holds them, in
`--set` to the working directory. Whole numbers take units (`50k steps`, `10 GB`), numbers take `%`.
`learning_rate` is a number (constant) or a section; for `schedule: rsqrt` the defaults are those of T5, rate 1 and
10,000 warm-up steps. A stage is `name: {kind: {...}}`; `from` is a stage's name, or a folder if it holds a `/`;
`NAME@STEP` is a checkpoint that a pretrain stage keeps (`save.keep_every`).
`for_each: {v: {gqa: {kv_heads: 2}}}` writes every stage whose name holds `{v}` once per variant; `{v.kv_heads}` is the
variant's field; in the list of a stage without `{v}` in its name, an entry with `{v}` becomes one entry per variant.
`defaults: {finetune: {...}}` gives values to every stage of a kind. A key that is unknown, of a wrong type or without
effect is an error; all errors are reported at once.
)";

}  // namespace

std::vector<SectionText> DescribeRecipes() {
  std::vector<SectionText> sections;
  Add(RecipeHead{}, "", sections);
  for (const std::string& kind : StageKinds()) {
    std::visit(
        [&](const auto& config) { Add(config, absl::StrCat("stages.<name>.", kind), sections); },
        MakeStageConfig(kind));
  }
  Add(TaskFile{}, "task file", sections);
  return sections;
}

std::vector<std::string> SectionsWithKey(const std::string& key) {
  static const std::vector<SectionText> sections = DescribeRecipes();
  std::vector<std::string> found;
  for (const SectionText& section : sections) {
    for (const KeyLine& line : section.keys) {
      if (line.name == key && found.size() < 4)
        found.push_back(section.path.empty() ? "the top level" : section.path);
    }
  }
  return found;
}

std::string RecipeDocs() {
  std::string text = kIntroduction;
  for (const SectionText& section : DescribeRecipes()) {
    absl::StrAppend(&text, "\n## ", section.path.empty() ? "Top level" : section.path,
                    "\n\n| key | type | default | what it is |\n|---|---|---|---|\n");
    for (const KeyLine& line : section.keys) {
      const std::string allowed = line.allowed.empty() ? "" : absl::StrCat(" (", line.allowed, ")");
      absl::StrAppend(&text, "| `", line.name, "` | ", line.type, " | ", line.default_text, " | ",
                      absl::StrReplaceAll(line.help, {{"|", "\\|"}}), allowed, " |\n");
    }
  }
  return text;
}

}  // namespace regroup
