// YAML as a plain tree in which every value knows its file and line. The only door to yaml-cpp.
// compose.cc builds recipes from such trees, reader.h fills config structs from them.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "recipe/problems.h"

namespace regroup {

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text;   // scalar
  bool plain = true;  // scalar without quotes: may be a number, a boolean
  Mark mark;
  std::vector<Node> items;        // of a list, or the values of a map
  std::vector<std::string> keys;  // of a map, one per item
  std::vector<Mark> key_marks;

  bool IsMap() const { return kind == Kind::kMap; }
  bool IsList() const { return kind == Kind::kList; }
  bool IsScalar() const { return kind == Kind::kScalar; }
  Node* Find(const std::string& key);
  const Node* Find(const std::string& key) const;
  // Adds `key`, or replaces its value.
  Node& Put(const std::string& key, const Mark& key_mark, Node value);
  void Erase(const std::string& key);
};

// "a list", "a section", "nothing", "\"text\"": for messages.
std::string Describe(const Node& node);

// How much a tree holds. Aliases, variants and defaults multiply: what they make is counted before
// it is made.
struct TreeSize {
  static constexpr size_t kMostValues = 20000, kMostText = size_t{16} << 20;
  size_t values = 0;
  size_t text = 0;  // bytes of scalars and keys
  TreeSize& operator+=(const TreeSize& more);
  bool TooLarge() const { return values > kMostValues || text > kMostText; }
  static std::string Limit();  // "more than ...": for messages
};
TreeSize SizeOf(const Node& node);

// Parses one document. Text that is no UTF-8, syntax errors, tabs in the indentation, a second
// document, duplicate keys, and aliases that expand beyond TreeSize's limits are problems at their
// line; the tree holds what could be read.
Node ParseYaml(const std::string& text, const std::string& file, Problems& problems);

// Reads and parses a file of at most 1 MiB.
Node ReadYamlFile(const std::string& path, Problems& problems);

// Values with YAML's types: plain scalars that are numbers, booleans or null become such.
Json NodeToJson(const Node& node);

// YAML text that ParseYaml reads back to the same tree (block style, scalars quoted where needed).
std::string WriteYaml(const Node& node);

}  // namespace regroup
