// Placeholder substitution over trees.
#include "recipe/expand.h"

#include <cctype>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace regroup {
namespace {

struct Placeholder {
  size_t begin = 0, end = 0;  // in the text, braces included
  std::string variable, field;
};

bool IsWordChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::vector<Placeholder> FindPlaceholders(const std::string& text) {
  std::vector<Placeholder> found;
  for (size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open + 1)) {
    if (open > 0 && text[open - 1] == '$') continue;  // a variable of the environment
    size_t at = open + 1;
    Placeholder one{open, 0, "", ""};
    while (at < text.size() && IsWordChar(text[at])) one.variable += text[at++];
    if (at < text.size() && text[at] == '.') {
      ++at;
      while (at < text.size() && IsWordChar(text[at])) one.field += text[at++];
      if (one.field.empty()) continue;
    }
    if (one.variable.empty() || at >= text.size() || text[at] != '}') continue;
    one.end = at + 1;
    found.push_back(std::move(one));
  }
  return found;
}

struct Variant {
  std::string name;
  Node fields;
};
using Variables = std::map<std::string, std::vector<Variant>>;
using Binding = std::map<std::string, const Variant*>;

Variables ReadVariables(const Node* for_each, Problems& problems) {
  Variables variables;
  if (for_each == nullptr || for_each->kind == Node::Kind::kNull) return variables;
  if (!for_each->IsMap()) {
    problems.Add(for_each->mark, "for_each",
                 absl::StrCat("found ", Describe(*for_each),
                              ", expected variables: {v: {variant: {field: value}}}"));
    return variables;
  }
  for (size_t i = 0; i < for_each->items.size(); ++i) {
    const Node& values = for_each->items[i];
    std::vector<Variant>& variants = variables[for_each->keys[i]];
    if (values.IsList()) {
      for (const Node& item : values.items) variants.push_back({item.text, {}});
    }
    if (values.IsMap()) {
      for (size_t k = 0; k < values.items.size(); ++k)
        variants.push_back({values.keys[k], values.items[k]});
    }
    if (variants.empty()) {
      problems.Add(values.mark, absl::StrCat("for_each.", for_each->keys[i]),
                   absl::StrCat("found ", Describe(values),
                                ", expected variants: {name: {field: value}} or [name, ...]"));
    }
  }
  return variables;
}

// The work on one recipe: what is declared, what was used, what went wrong.
class Expander {
 public:
  Expander(const Node* for_each, Problems& problems)
      : variables_(ReadVariables(for_each, problems)), problems_(problems) {}

  Node Stages(const Node& stages) {
    Node result = stages;
    result.items.clear();
    result.keys.clear();
    result.key_marks.clear();
    for (size_t i = 0; i < stages.items.size(); ++i) {
      for (const Binding& binding :
           Product(Used(stages.keys[i], stages.key_marks[i]), stages.key_marks[i])) {
        if (!Spend(SizeOf(stages.items[i]), stages.key_marks[i])) return result;
        const std::string name = Replace(stages.keys[i], binding, stages.key_marks[i]);
        if (const Node* first = result.Find(name)) {
          problems_.Add(
              stages.key_marks[i], absl::StrCat("stages.", name),
              absl::StrCat("a stage of this name already stands at ", first->mark.Text()));
          continue;
        }
        Node stage = stages.items[i];
        stage_ = name;
        Substitute(stage, binding);
        result.Put(name, stages.key_marks[i], std::move(stage));
      }
    }
    return result;
  }

  void ReportUnused(const Node* for_each) {
    for (size_t i = 0; for_each != nullptr && i < for_each->keys.size(); ++i) {
      const std::string& name = for_each->keys[i];
      if (used_.contains(name)) continue;
      problems_.Add(for_each->key_marks[i], absl::StrCat("for_each.", name),
                    absl::StrCat("has no effect: no stage's name or list holds \"{", name, "}\""));
    }
  }

 private:
  // False where the expanded stages would hold too much: a problem, told once.
  bool Spend(const TreeSize& more, const Mark& mark) {
    if (made_.TooLarge()) return false;
    made_ += more;
    if (!made_.TooLarge()) return true;
    problems_.Add(mark, "for_each",
                  absl::StrCat(TreeSize::Limit(), " once stages are written for their variants"));
    return false;
  }

  // Every combination of the variants of `names`; none where there are too many.
  std::vector<Binding> Product(const std::set<std::string>& names, const Mark& mark) {
    std::vector<Binding> result = {{}};
    for (const std::string& name : names) {
      const std::vector<Variant>& variants = variables_.at(name);
      if (!Spend({result.size() * variants.size(), 0}, mark)) return {};
      std::vector<Binding> longer;
      for (const Binding& binding : result) {
        for (const Variant& variant : variants) {
          longer.push_back(binding);
          longer.back()[name] = &variant;
        }
      }
      result = std::move(longer);
    }
    return result;
  }

  // Declared variables in `text`; others are problems.
  std::set<std::string> Used(const std::string& text, const Mark& mark) {
    std::set<std::string> names;
    for (const Placeholder& one : FindPlaceholders(text)) {
      if (variables_.contains(one.variable)) {
        names.insert(one.variable);
        used_.insert(one.variable);
        continue;
      }
      std::vector<std::string> known;
      for (const auto& [name, variants] : variables_) known.push_back(name);
      problems_.Add(
          mark, "stages",
          absl::StrCat("{", one.variable, "} in \"", text, "\" is not declared under for_each",
                       DidYouMean(one.variable, known)));
    }
    return names;
  }

  std::set<std::string> UsedDeep(const Node& node) {
    std::set<std::string> names;
    if (node.IsScalar()) names = Used(node.text, node.mark);
    for (const Node& item : node.items) names.merge(UsedDeep(item));
    return names;
  }

  const Node* FieldOf(const Placeholder& one, const Binding& binding, const Mark& mark) {
    const Variant& variant = *binding.at(one.variable);
    const Node* field = variant.fields.Find(one.field);
    if (field == nullptr) {
      problems_.Add(mark, absl::StrCat("stages.", stage_),
                    absl::StrCat("{", one.variable, ".", one.field, "}: the variant ", variant.name,
                                 " has no field \"", one.field, "\"",
                                 DidYouMean(one.field, variant.fields.keys)));
    }
    return field;
  }

  std::string Replace(const std::string& text, const Binding& binding, const Mark& mark) {
    std::string out;
    size_t done = 0;
    for (const Placeholder& one : FindPlaceholders(text)) {
      if (!binding.contains(one.variable)) continue;
      std::string value = binding.at(one.variable)->name;
      if (!one.field.empty()) {
        const Node* field = FieldOf(one, binding, mark);
        value = field != nullptr ? field->text : "";
      }
      if (!Spend({0, value.size()}, mark)) return out;
      absl::StrAppend(&out, text.substr(done, one.begin - done), value);
      done = one.end;
    }
    return out + text.substr(done);
  }

  void SubstituteScalar(Node& node, const Binding& binding) {
    const std::vector<Placeholder> found = FindPlaceholders(node.text);
    if (found.empty()) return;
    for (const std::string& name : Used(node.text, node.mark)) {
      if (binding.contains(name)) continue;
      problems_.Add(node.mark, absl::StrCat("stages.", stage_),
                    absl::StrCat("\"", node.text, "\": the stage's name does not hold {", name,
                                 "}; write it into the name, or use it in a list"));
      return;
    }
    const bool whole = found.size() == 1 && found[0].begin == 0 && found[0].end == node.text.size();
    if (whole && !found[0].field.empty() && binding.contains(found[0].variable)) {
      const Mark mark = node.mark;
      const Node* field = FieldOf(found[0], binding, mark);
      if (field != nullptr && Spend(SizeOf(*field), mark)) node = *field;
      node.mark = mark;
    } else {
      node.text = Replace(node.text, binding, node.mark);
    }
  }

  void SubstituteList(Node& list, const Binding& binding) {
    std::vector<Node> items;
    for (const Node& item : list.items) {
      std::set<std::string> free = UsedDeep(item);
      std::erase_if(free, [&](const std::string& name) { return binding.contains(name); });
      for (const Binding& more : Product(free, item.mark)) {
        if (!Spend(SizeOf(item), item.mark)) return;
        Binding all = binding;
        all.insert(more.begin(), more.end());
        items.push_back(item);
        Substitute(items.back(), all);
      }
    }
    list.items = std::move(items);
  }

  void Substitute(Node& node, const Binding& binding) {
    if (node.IsScalar()) return SubstituteScalar(node, binding);
    if (node.IsList()) return SubstituteList(node, binding);
    for (size_t i = 0; i < node.keys.size(); ++i) {
      node.keys[i] = Replace(node.keys[i], binding, node.key_marks[i]);
      Substitute(node.items[i], binding);
    }
  }

  Variables variables_;
  Problems& problems_;
  std::set<std::string> used_;
  std::string stage_;
  TreeSize made_;  // by expansion
};

}  // namespace

Node ExpandStages(const Node& stages, const Node* for_each, Problems& problems) {
  Expander expander(for_each, problems);
  Node result = expander.Stages(stages);
  expander.ReportUnused(for_each);
  return result;
}

}  // namespace regroup
