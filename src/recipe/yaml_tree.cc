// Walks yaml-cpp's parse events itself: its own tree silently drops duplicate keys and marks.
#include "recipe/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/files.h"
#include "core/foreign.h"
#include "core/near_path.h"
#include "core/utf8.h"

namespace regroup {
namespace {

constexpr uintmax_t kLongestFile = uintmax_t{1} << 20;

struct TooManyValues {
  Mark mark;
};

// Builds the tree bottom-up: `open_` holds the collections that have begun and not ended.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string file, Problems& problems) : file_(std::move(file)), problems_(problems) {}
  Node Take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Finish(Make(Node::Kind::kNull, mark), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!anchors_.contains(anchor)) {
      problems_.Add(At(mark), "", "an alias inside the value that it names");
      return Finish(Make(Node::Kind::kNull, mark), 0);
    }
    Count(SizeOf(anchors_.at(anchor)), mark);
    Node copy = anchors_.at(anchor);
    copy.mark = At(mark);
    Finish(std::move(copy), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = Make(Node::Kind::kScalar, mark);
    Count({0, value.size()}, mark);
    node.text = value;
    node.plain = tag == "?";
    Finish(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Begin(Make(Node::Kind::kList, mark), anchor);
  }
  void OnSequenceEnd() override { End(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Begin(Make(Node::Kind::kMap, mark), anchor);
  }
  void OnMapEnd() override { End(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    bool have_key = false;
    bool duplicate = false;
    std::string key;
    Mark key_mark;
  };

  Mark At(const YAML::Mark& mark) const { return {file_, mark.line + 1}; }

  Node Make(Node::Kind kind, const YAML::Mark& mark) {
    Count({1, 0}, mark);
    Node node;
    node.kind = kind;
    node.mark = At(mark);
    return node;
  }

  void Count(const TreeSize& more, const YAML::Mark& mark) {
    size_ += more;
    if (size_.TooLarge()) throw TooManyValues{At(mark)};
  }

  void Begin(Node node, YAML::anchor_t anchor) {
    open_.push_back({std::move(node), anchor, false, false, "", {}});
  }

  void End() {
    Open done = std::move(open_.back());
    open_.pop_back();
    Finish(std::move(done.node), done.anchor);
  }

  void Finish(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) Remember(node, anchor);
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (open_.back().node.IsList()) {
      open_.back().node.items.push_back(std::move(node));
    } else if (!open_.back().have_key) {
      TakeKey(open_.back(), node);
    } else {
      TakeValue(open_.back(), std::move(node));
    }
  }

  // The copy counts: anchors in one another would hold the innermost value many times.
  void Remember(const Node& node, YAML::anchor_t anchor) {
    size_ += SizeOf(node);
    if (size_.TooLarge()) throw TooManyValues{node.mark};
    anchors_[anchor] = node;
  }

  void TakeKey(Open& map, const Node& node) {
    map.have_key = true;
    map.key = node.text;
    map.key_mark = node.mark;
    map.duplicate = false;
    if (!node.IsScalar()) {
      problems_.Add(node.mark, "",
                    absl::StrCat("found ", Describe(node), " as a key, expected a word"));
      map.duplicate = true;
    } else if (const Node* first = map.node.Find(node.text)) {
      problems_.Add(
          node.mark, "",
          absl::StrCat("the key \"", node.text, "\" stands twice in this section (first in line ",
                       first->mark.line, "); keep one"));
      map.duplicate = true;
    }
  }

  void TakeValue(Open& map, Node node) {
    map.have_key = false;
    if (!map.duplicate) map.node.Put(map.key, map.key_mark, std::move(node));
  }

  std::string file_;
  Problems& problems_;
  Node root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  TreeSize size_;
};

// False, and a problem: a file of another kind, or bytes that are no UTF-8 (yaml-cpp would pass
// them on as they stand, and takes zeros for UTF-16 or UTF-32).
bool IsText(const std::string& text, const std::string& file, Problems& problems) {
  if (const std::string foreign = ForeignContent(text); !foreign.empty()) {
    problems.Add({file, 1}, "", absl::StrCat("not valid YAML: ", foreign));
    return false;
  }
  const size_t at = std::min(FindNotUtf8(text), text.find('\0'));
  if (at == std::string::npos) return true;
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  problems.Add({file, static_cast<int>(line) + 1}, "",
               "not valid UTF-8; convert the file to UTF-8 first");
  return false;
}

void FindTabs(const std::string& text, const std::string& file, Problems& problems) {
  int line = 0;
  for (const absl::string_view row : absl::StrSplit(text, '\n')) {
    ++line;
    const size_t content = row.find_first_not_of(" \t");
    const size_t tab = row.find('\t');
    if (tab != absl::string_view::npos && content != absl::string_view::npos && tab < content) {
      problems.Add({file, line}, "", "a tab in the indentation; YAML wants spaces");
      return;
    }
  }
}

}  // namespace

Node* Node::Find(const std::string& key) {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == key) return &items[i];
  }
  return nullptr;
}

const Node* Node::Find(const std::string& key) const { return const_cast<Node*>(this)->Find(key); }

Node& Node::Put(const std::string& key, const Mark& key_mark, Node value) {
  if (Node* old = Find(key)) return *old = std::move(value);
  kind = Kind::kMap;
  keys.push_back(key);
  key_marks.push_back(key_mark);
  items.push_back(std::move(value));
  return items.back();
}

void Node::Erase(const std::string& key) {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] != key) continue;
    const auto at = static_cast<std::ptrdiff_t>(i);
    keys.erase(keys.begin() + at);
    key_marks.erase(key_marks.begin() + at);
    items.erase(items.begin() + at);
    return;
  }
}

std::string Describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a section";
    case Node::Kind::kScalar:
      return absl::StrCat("\"", node.text, "\"");
  }
  return "";
}

TreeSize& TreeSize::operator+=(const TreeSize& more) {
  values += more.values;
  text += more.text;
  return *this;
}

std::string TreeSize::Limit() {
  return absl::StrCat("more than ", kMostValues, " values or ", kMostText >> 20, " MiB of text");
}

TreeSize SizeOf(const Node& node) {
  TreeSize size{1, node.text.size()};
  for (const std::string& key : node.keys) size.text += key.size();
  for (const Node& item : node.items) size += SizeOf(item);
  return size;
}

Node ParseYaml(const std::string& text, const std::string& file, Problems& problems) {
  if (!IsText(text, file, problems)) return {};
  FindTabs(text, file, problems);
  TreeBuilder builder(file, problems);
  std::istringstream stream(text);
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    Problems ignored;
    TreeBuilder second(file, ignored);
    if (parser.HandleNextDocument(second)) {
      problems.Add(second.Take().mark, "",
                   "a second YAML document begins (---); a recipe is one document");
    }
  } catch (const YAML::Exception& error) {
    problems.Add({file, error.mark.line + 1}, "", absl::StrCat("not valid YAML: ", error.msg));
  } catch (const TooManyValues& error) {
    problems.Add(error.mark, "", absl::StrCat(TreeSize::Limit(), " once aliases are expanded"));
  }
  return builder.Take();
}

Node ReadYamlFile(const std::string& path, Problems& problems) {
  const auto fail = [&](const std::string& message) {
    problems.Add(Problem{path, message});
    return Node{};
  };
  if (FolderExists(path)) return fail("is a folder, expected a YAML file");
  std::error_code error;
  const uintmax_t bytes = FileExists(path) ? std::filesystem::file_size(path, error) : 0;
  if (bytes > kLongestFile) return fail("has more than 1 MiB, expected a YAML file of a few kB");
  const absl::StatusOr<std::string> text =
      FileExists(path) ? ReadFile(path) : absl::NotFoundError("");
  if (!text.ok()) return fail("cannot be read; expected a YAML file" + DidYouMeanPath(path));
  return ParseYaml(*text, path, problems);
}

}  // namespace regroup
