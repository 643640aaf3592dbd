// YAML and JSON out of a tree.
#include <algorithm>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "recipe/yaml_tree.h"

namespace regroup {
namespace {

constexpr size_t kLongestPlainKey = 1000;  // YAML takes "key:" up to 1024 characters

// Without white space, which the parser of numbers would skip.
bool LooksLikeNumber(const std::string& text) {
  double value;
  return text.find_first_of(" \t\n\v\f\r") == std::string::npos && absl::SimpleAtod(text, &value);
}

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Text that YAML reads back as it stands, whatever stands around it.
bool IsPlainText(const std::string& text) {
  constexpr std::string_view kInside = "_-./+%=*()~^;$ ";
  if (text.empty() || text == "null" || text == "Null" || text == "NULL") return false;
  const char first = text.front();
  const bool begins = IsAlphanumeric(first) || first == '_' || first == '/' || first == '.';
  return begins && !text.starts_with("...") && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return IsAlphanumeric(c) || kInside.find(c) != std::string_view::npos;
         });
}

bool NeedsQuotes(const Node& node) {
  return !node.plain || (!IsPlainText(node.text) && !LooksLikeNumber(node.text));
}

std::string Scalar(const Node& node) {
  return NeedsQuotes(node) ? Json(node.text).dump() : node.text;
}

// "key:", or "? key" and ":" in a line of its own.
std::string Key(const std::string& text, const std::string& pad) {
  Node node;
  node.text = text;
  const std::string key = Scalar(node);
  return key.size() > kLongestPlainKey ? absl::StrCat(pad, "? ", key, "\n", pad, ":")
                                       : absl::StrCat(pad, key, ":");
}

void Write(const Node& node, int indent, std::string& out) {
  const std::string pad(static_cast<size_t>(indent), ' ');
  for (size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    out += node.IsMap() ? Key(node.keys[i], pad) : pad + "-";
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
  if (!LooksLikeNumber(node.text)) return node.text;
  if (absl::SimpleAtoi(node.text, &whole)) return whole;
  return absl::SimpleAtod(node.text, &number) ? Json(number) : Json(node.text);
}

std::string WriteYaml(const Node& node) {
  if (node.items.empty()) return "{}\n";
  std::string out;
  Write(node, 0, out);
  return out;
}

}  // namespace regroup
