// Includes and overrides; nothing here knows what the keys mean.
#include "recipe/compose.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/files.h"

namespace regroup {
namespace {

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

// Parts may include each other's parts: each is read as often as it is named, so their number is
// bounded.
constexpr int kMostParts = 1000;

// What is being read and has been.
struct Loading {
  std::vector<std::string> open;  // outermost first: meeting one again is a cycle
  int parts = 0;
};

Node Load(const std::string& path, Loading& loading, Problems& problems) {
  std::vector<std::string>& open = loading.open;
  open.push_back(Canonical(path));
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
  Node result;
  result.kind = Node::Kind::kMap;
  result.mark = own.mark;
  for (const Node& part : TakeIncludes(own, problems)) {
    const std::string file =
        std::filesystem::path(JoinPath(part.mark.Folder(), part.text)).lexically_normal().string();
    if (std::find(open.begin(), open.end(), Canonical(file)) != open.end()) {
      problems.Add(part.mark, "include",
                   absl::StrCat("a cycle: ", absl::StrJoin(open, " includes "), " includes ",
                                Canonical(file)));
    } else if (!FileExists(file)) {
      problems.Add(part.mark, "include",
                   absl::StrCat("there is no file ", file,
                                " (paths are relative to the file that includes)"));
    } else if (++loading.parts > kMostParts) {
      problems.Add(part.mark, "include",
                   absl::StrCat("more than ", kMostParts, " parts are read; name each part once"));
      break;
    } else {
      MergeOver(result, Load(file, loading, problems));
    }
  }
  open.pop_back();
  MergeOver(result, own);
  return result;
}

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
  Loading loading;
  return Load(path, loading, problems);
}

std::vector<Override> ParseOverrides(const std::vector<std::string>& sets, Problems& problems) {
  std::vector<Override> result;
  for (const std::string& text : sets) {
    const size_t equals = text.find('=');
    const std::string key = text.substr(0, equals);
    Override one{text, absl::StrSplit(key, '.'), {}};
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
