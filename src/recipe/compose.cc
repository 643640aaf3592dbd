// Includes and overrides; nothing here knows what the keys mean.
#include "recipe/compose.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/files.h"
#include "core/utf8.h"

namespace regroup {
namespace {

// Parts that include each other's parts multiply.
constexpr int kMostIncludes = 100;

std::string Canonical(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

std::vector<Node> TakeIncludes(Node& root, Problems& problems) {
  const Node* include = root.Find("include");
  if (include == nullptr) return {};
  std::vector<Node> parts;
  if (include->IsScalar()) parts.push_back(*include);
  if (include->IsList()) parts = include->items;
  for (const Node& part : parts) {
    if (!part.IsScalar())
      problems.Add(part.mark, "include",
                   absl::StrCat("found ", Describe(part), ", expected a path"));
  }
  if (parts.empty()) problems.Add(include->mark, "include", "expected a list of paths");
  std::erase_if(parts, [](const Node& part) { return !part.IsScalar(); });
  root.Erase("include");
  return parts;
}

// An empty section where a file has none.
Node SectionsOf(const std::string& path, Problems& problems) {
  Node own = ReadYamlFile(path, problems);
  if (!own.IsMap()) {
    if (own.kind != Node::Kind::kNull)
      problems.Add(own.mark, "", absl::StrCat("found ", Describe(own), ", expected sections"));
    const Mark mark = own.mark;
    own = Node{};
    own.mark = mark;
  }
  own.kind = Node::Kind::kMap;
  if (own.mark.file.empty()) own.mark = {path, 1};
  return own;
}

class Loader {
 public:
  explicit Loader(Problems& problems) : problems_(problems) {}

  Node Load(const std::string& path) {
    open_.push_back(Canonical(path));
    Node own = SectionsOf(path, problems_);
    Node result;
    result.kind = Node::Kind::kMap;
    result.mark = own.mark;
    for (const Node& part : TakeIncludes(own, problems_)) Include(part, result);
    open_.pop_back();
    MergeOver(result, own);
    return result;
  }

 private:
  void Include(const Node& part, Node& result) {
    const std::string file =
        std::filesystem::path(JoinPath(part.mark.Folder(), part.text)).lexically_normal().string();
    const auto refuse = [&](const std::string& message) {
      problems_.Add(part.mark, "include", message);
    };
    if (std::find(open_.begin(), open_.end(), Canonical(file)) != open_.end()) {
      refuse(absl::StrCat("a cycle: ", absl::StrJoin(open_, " includes "), " includes ",
                          Canonical(file)));
    } else if (!FileExists(file)) {
      refuse(absl::StrCat("there is no file ", file,
                          " (paths are relative to the file that includes)"));
    } else if (++files_ > kMostIncludes) {
      if (files_ == kMostIncludes + 1)
        refuse(absl::StrCat("more than ", kMostIncludes, " files are included"));
    } else {
      MergeOver(result, Load(file));
    }
  }

  Problems& problems_;
  std::vector<std::string> open_;  // files that are being read, outermost first: a cycle meets one
  int files_ = 0;
};

}  // namespace

void MergeOver(Node& base, const Node& over) {
  if (!base.IsMap() || !over.IsMap()) {
    base = over;
    return;
  }
  for (size_t i = 0; i < over.items.size(); ++i) {
    if (Node* old = base.Find(over.keys[i])) {
      MergeOver(*old, over.items[i]);
    } else {
      base.Put(over.keys[i], over.key_marks[i], over.items[i]);
    }
  }
  base.mark = over.mark;
}

Node LoadWithIncludes(const std::string& path, Problems& problems) {
  Node tree = Loader(problems).Load(path);
  if (!SizeOf(tree).TooLarge()) return tree;
  problems.Add(Problem{path, absl::StrCat(TreeSize::Limit(), " once parts are included")});
  Node empty;
  empty.kind = Node::Kind::kMap;
  empty.mark = tree.mark;
  return empty;
}

std::vector<Override> ParseOverrides(const std::vector<std::string>& sets, Problems& problems) {
  std::vector<Override> result;
  for (const std::string& text : sets) {
    const size_t equals = text.find('=');
    const std::string key = text.substr(0, equals);
    Override one{text, absl::StrSplit(key, '.'), {}};
    if (FindNotUtf8(text) != std::string_view::npos) {
      problems.Add(Problem{absl::StrCat("--set ", text), "not valid UTF-8"});
      continue;
    }
    const bool hole = std::find(one.path.begin(), one.path.end(), "") != one.path.end();
    if (equals == std::string::npos || hole) {
      problems.Add(
          Problem{absl::StrCat("--set ", text),
                  "expected key.path=value, for instance stages.parent.pretrain.steps=100"});
      continue;
    }
    one.value = ParseYaml(text.substr(equals + 1), absl::StrCat("--set ", key), problems);
    result.push_back(std::move(one));
  }
  return result;
}

void ApplyOverride(Node& root, const Override& override_, Problems& problems) {
  const Mark mark{absl::StrCat("--set ", absl::StrJoin(override_.path, ".")), 0};
  Node* node = &root;
  for (size_t i = 0; i + 1 < override_.path.size(); ++i) {
    Node* child = node->Find(override_.path[i]);
    if (child == nullptr || child->kind == Node::Kind::kNull) {
      Node section;
      section.kind = Node::Kind::kMap;
      section.mark = mark;
      child = &node->Put(override_.path[i], mark, std::move(section));
    }
    if (!child->IsMap()) {
      problems.Add(mark, "",
                   absl::StrCat("\"", override_.path[i], "\" is ", Describe(*child), " in ",
                                child->mark.Text(), ", not a section"));
      return;
    }
    node = child;
  }
  Node value = override_.value;
  value.mark = mark;
  node->Put(override_.path.back(), mark, std::move(value));
}

}  // namespace regroup
