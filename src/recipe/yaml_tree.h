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

// Parses one document. Syntax errors, tabs in the indentation, a second document, duplicate keys,
// and aliases that expand beyond 100,000 values are problems at their line; the tree holds what
// could be read.
Node ParseYaml(const std::string& text, const std::string& file, Problems& problems);

// Reads and parses a file.
Node ReadYamlFile(const std::string& path, Problems& problems);

// Values with YAML's types: plain scalars that are numbers, booleans or null become such.
Json NodeToJson(const Node& node);

// YAML text that ParseYaml reads back to the same tree (block style, scalars quoted where needed).
std::string WriteYaml(const Node& node);

}  // namespace regroup
