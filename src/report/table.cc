// Alignment of text tables.
#include "report/table.h"

#include <algorithm>

namespace regroup {
namespace {

size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

struct Column {
  size_t width = 0;
  bool numbers = true;  // every cell is one, or says that there is none
};

// Begins with a digit, maybe behind a sign, a bracket or "~"; or stands for no number.
bool IsNumber(const std::string& cell) {
  const size_t begin = cell.find_first_not_of("+-~[(<.");
  if (begin == std::string::npos) return true;
  return begin <= 2 && cell[begin] >= '0' && cell[begin] <= '9';
}

std::string Line(const std::vector<std::string>& cells, const std::vector<Column>& columns) {
  std::string line;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string cell = i < cells.size() ? cells[i] : "";
    const std::string pad(columns[i].width - Width(cell), ' ');
    line += i == 0 ? "" : "  ";
    line += i > 0 && columns[i].numbers ? pad + cell : cell + pad;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

std::string FormatTable(const TextTable& table) {
  std::vector<Column> columns;
  for (const std::string& cell : table.header) columns.push_back({Width(cell)});
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < std::min(row.size(), columns.size()); ++i) {
      columns[i].width = std::max(columns[i].width, Width(row[i]));
      columns[i].numbers = columns[i].numbers && IsNumber(row[i]);
    }
  }
  std::vector<std::string> dashes;
  for (const Column& column : columns) dashes.emplace_back(column.width, '-');
  std::string text = Line(table.header, columns) + Line(dashes, columns);
  for (const auto& row : table.rows) text += Line(row, columns);
  return text;
}

}  // namespace regroup
