// Repair and escaping of text: see printable.h.
#include "report/printable.h"

#include <algorithm>

#include "core/utf8.h"

namespace regroup {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";
constexpr char kEllipsis[] = "\xE2\x80\xA6";

// C0, DEL and the C1 range (two bytes, C2 80..9F).
bool IsControl(std::string_view character) {
  const auto byte = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return byte < 0x20 || byte == 0x7F;
  return character.size() == 2 && byte == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

// Calls `use` with every character of `text`, U+FFFD for bytes that begin none.
template <class Use>
void ForEachCharacter(std::string_view text, const Use& use) {
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = Utf8CharacterBytes(text.substr(i));
    use(bytes == 0 ? std::string_view(kReplacement) : text.substr(i, bytes));
    i += std::max<size_t>(bytes, 1);
  }
}

std::string_view Entity(std::string_view character) {
  switch (character[0]) {
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '&':
      return "&amp;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return character;
  }
}

}  // namespace

std::string ToUtf8(std::string_view text) {
  if (FindNotUtf8(text) == std::string_view::npos) return std::string(text);
  std::string result;
  ForEachCharacter(text, [&](std::string_view character) { result += character; });
  return result;
}

std::string EscapeHtml(std::string_view text) {
  std::string result;
  ForEachCharacter(text, [&](std::string_view character) {
    const bool space = character == "\t" || character == "\n";
    result += IsControl(character) && !space ? kReplacement : Entity(character);
  });
  return result;
}

std::string OneLine(std::string_view text) {
  std::string result;
  ForEachCharacter(
      text, [&](std::string_view character) { result += IsControl(character) ? " " : character; });
  return result;
}

std::string Shorten(std::string_view text, size_t columns) {
  if (CharacterCount(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  size_t kept = 0;
  std::string result;
  ForEachCharacter(text, [&](std::string_view character) {
    if (++kept < columns) result += character;
  });
  return result + kEllipsis;
}

size_t CharacterCount(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace regroup
