// Walks yaml-cpp's parse events itself: its own tree silently drops duplicate keys and marks.
#include "recipe/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/files.h"
#include "core/foreign.h"
#include "core/utf8.h"

namespace regroup {
namespace {

constexpr size_t kMostValues = 20000;

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
    Node copy = anchors_.at(anchor);
    Count(CountValues(copy), mark);
    copy.mark = At(mark);
    Finish(std::move(copy), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = Make(Node::Kind::kScalar, mark);
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
    Count(1, mark);
    Node node;
    node.kind = kind;
    node.mark = At(mark);
    return node;
  }

  void Count(size_t more, const YAML::Mark& mark) {
    values_ += more;
    if (values_ > kMostValues) throw TooManyValues{At(mark)};
  }

  static size_t CountValues(const Node& node) {
    size_t count = 1;
    for (const Node& item : node.items) count += CountValues(item);
    return count;
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
    if (anchor != 0) anchors_[anchor] = node;
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
  size_t values_ = 0;
};

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

// False, and a problem: bytes that are no UTF-8, or a file of another kind.
bool IsText(const std::string& text, const std::string& file, Problems& problems) {
  if (const std::string foreign = ForeignContent(text); !foreign.empty()) {
    problems.Add({file, 1}, "", absl::StrCat("not valid YAML: ", foreign));
    return false;
  }
  int line = 1;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t bytes = Utf8CharacterBytes(rest);
    if (bytes == 0) {
      problems.Add({file, line}, "", "not valid UTF-8; convert the file to UTF-8 first");
      return false;
    }
    line += rest[0] == '\n' ? 1 : 0;
    rest.remove_prefix(bytes);
  }
  return true;
}

bool LooksLikeNumber(const std::string& text) {
  double value;
  return !text.empty() && absl::SimpleAtod(text, &value);
}

bool NeedsQuotes(const Node& node) {
  if (!node.plain) return true;
  const std::string& s = node.text;
  if (LooksLikeNumber(s)) return false;
  return s.empty() || s.find_first_of(":#{}[],&*!|>'\"%@`\n\t\\?") != std::string::npos ||
         s.front() == '-' || s.front() == ' ' || s.back() == ' ';
}

std::string Scalar(const Node& node) {
  return NeedsQuotes(node) ? Json(node.text).dump() : node.text;
}

void Write(const Node& node, int indent, std::string& out) {
  const std::string pad(static_cast<size_t>(indent), ' ');
  for (size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    if (node.IsMap()) {
      Node key;
      key.text = node.keys[i];
      absl::StrAppend(&out, pad, Scalar(key), ":");
    } else {
      absl::StrAppend(&out, pad, "-");
    }
    if (item.items.empty()) {
      const bool collection = item.IsMap() || item.IsList();
      absl::StrAppend(&out, " ",
                      collection        ? (item.IsMap() ? "{}" : "[]")
                      : item.IsScalar() ? Scalar(item)
                                        : "null",
                      "\n");
    } else {
      out += "\n";
      Write(item, indent + 2, out);
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

Node ParseYaml(const std::string& text, const std::string& file, Problems& problems) {
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
    problems.Add(error.mark, "",
                 absl::StrCat("more than ", kMostValues, " values once aliases are expanded"));
  }
  return builder.Take();
}

Node ReadYamlFile(const std::string& path, Problems& problems) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (text.ok() && IsText(*text, path, problems)) return ParseYaml(*text, path, problems);
  if (text.ok()) return {};
  problems.Add(Problem{path, FolderExists(path) ? "is a folder, expected a YAML file"
                                                : "cannot be read; expected a YAML file"});
  return {};
}

Json NodeToJson(const Node& node) {
  if (node.IsList()) {
    Json list = Json::array();
    for (const Node& item : node.items) list.push_back(NodeToJson(item));
    return list;
  }
  if (node.IsMap()) {
    Json map = Json::object();
    for (size_t i = 0; i < node.items.size(); ++i) map[node.keys[i]] = NodeToJson(node.items[i]);
    return map;
  }
  if (!node.IsScalar()) return nullptr;
  if (!node.plain) return node.text;
  int64_t whole;
  double number;
  if (node.text == "true" || node.text == "false") return node.text == "true";
  if (absl::SimpleAtoi(node.text, &whole)) return whole;
  if (LooksLikeNumber(node.text) && absl::SimpleAtod(node.text, &number)) return number;
  return node.text;
}

std::string WriteYaml(const Node& node) {
  std::string out;
  Write(node, 0, out);
  return out;
}

}  // namespace regroup
