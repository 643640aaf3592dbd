// The report of one or several runs: one HTML page that needs nothing else, and its tables as CSV
// and JSON. The `report` command and the end of `run` call it.
#pragma once

#include <string>
#include <vector>

#include "report/data_table.h"
#include "report/report_data.h"

namespace regroup {

// The page. Nothing in it comes from outside of it, and it has no scripts.
std::string ReportPage(const ReportData& data);

// report.html in the folder of one run, ./report.html for several.
std::string DefaultReportFile(const std::vector<std::string>& runs);
// report_tables beside report.html.
std::string TablesFolder(const std::string& report_file);

// Writes the tables (<table>.csv and .json, each anew) and then the page. UserError where `file` or
// the folder exists and no report wrote it, unless `overwrite`.
absl::Status WriteReport(const ReportData& data, const std::string& file, bool overwrite);

// {"generator", "runs": [path], "tables": {id: rows}}.
Json ReportJson(const ReportData& data);

}  // namespace regroup
