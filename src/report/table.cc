// Alignment of text tables.
#include "report/table.h"

#include <algorithm>

namespace regroup {
namespace {

size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < widths.size(); ++i) {
    const std::string cell = i < cells.size() ? cells[i] : "";
    const std::string pad(widths[i] - Width(cell), ' ');
    line += i == 0 ? cell + pad : "  " + pad + cell;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

std::string FormatTable(const TextTable& table) {
  std::vector<size_t> widths;
  for (const std::string& cell : table.header) widths.push_back(Width(cell));
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < std::min(row.size(), widths.size()); ++i)
      widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::vector<std::string> dashes;
  for (const size_t width : widths) dashes.emplace_back(width, '-');
  std::string text = Line(table.header, widths) + Line(dashes, widths);
  for (const auto& row : table.rows) text += Line(row, widths);
  return text;
}

}  // namespace regroup
