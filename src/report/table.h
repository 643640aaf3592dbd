// Plain text tables: columns as wide as their widest cell, numbers to the right. Used by
// comparison.cc and the commands.
#pragma once

#include <string>
#include <vector>

namespace regroup {

struct TextTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // as many cells as the header, or fewer
};

// Columns of numbers ("1,234", "12.8 s", "-3 %", "-" for none) stand to the right, the first column
// and columns of text to the left; a line of dashes under the header. Widths count code points.
// Ends with a newline.
std::string FormatTable(const TextTable& table);

}  // namespace regroup
