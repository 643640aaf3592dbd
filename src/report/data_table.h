// One table, three forms: HTML for people, CSV and JSON for programs, all from the same cells. Made
// by report_tables.cc.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace regroup {

// A value and how people read it. Null is "not known".
struct Cell {
  Json value;
  std::string shown;

  static Cell Of(const std::string& text);
  static Cell Of(int64_t count);                              // 1,234
  static Cell Of(double number, int digits);                  // unknown where it is not finite
  static Cell Count(double count);                            // the same of what may be unknown
  static Cell Percent(double share);                          // 2.5 %
  static Cell Ratio(double ratio);                            // 1.40 with a times sign
  static Cell Bytes(double bytes);                            // 84 MB
  static Cell Seconds(double seconds);                        // 4:05
  static Cell Interval(double low, double high, int digits);  // an array of two
};

struct Column {
  std::string key;    // in CSV and JSON; CSV splits an interval into key_low and key_high
  std::string title;  // in HTML
  enum class Kind {
    kText,
    kNumber,
    kInterval,
    kFilesOnly
  } kind = Kind::kText;  // kFilesOnly: not in HTML
};

struct DataTable {
  std::string id;       // file name without ending, and the anchor in the page
  std::string caption;  // plain text: what is shown, units
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // as many cells as columns
};

// A <table> in a container that scrolls by itself. A cell that equals the one above in a text
// column at the left stays empty.
std::string TableHtml(const DataTable& table);

// RFC 4180 with "\n": a header of keys, then the values; unknown ones are empty.
std::string TableCsv(const DataTable& table);

// {"generator", "table", "caption", "rows": [{key: value}]}.
Json TableJson(const DataTable& table);
inline constexpr char kGenerator[] = "regroup report";

}  // namespace regroup
