// Files of a report.
#include "report/report.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "report/json_fields.h"
#include "report/printable.h"
#include "report/report_tables.h"

namespace regroup {
namespace {

constexpr size_t kHead = 1000;  // bytes in which a page of ours says so

bool IsOurPage(const std::string& file) {
  const absl::StatusOr<std::string> text = ReadSmallFile(file, uint64_t{1} << 30);
  return text.ok() &&
         absl::StrContains(text->substr(0, kHead), absl::StrCat("content=\"", kGenerator, "\""));
}

bool IsOurFolder(const std::string& folder) {
  const auto names = ListFolder(folder);
  if (names.ok() && names->empty()) return true;
  const absl::StatusOr<Json> table = ReadJsonFile(JoinPath(folder, "stages.json"));
  return table.ok() && TextOf(*table, "generator") == kGenerator;
}

absl::Status CheckTargets(const std::string& file, const std::string& folder) {
  if (FolderExists(file)) {
    return UserError(file, "is a folder; --out names the report's file, such as report.html");
  }
  if (FileExists(folder)) {
    return UserError(folder,
                     "is a file where the folder of the report's tables belongs; choose another "
                     "name with --out");
  }
  return absl::OkStatus();
}

absl::Status CheckOurs(const std::string& file, const std::string& folder) {
  constexpr char kAdvice[] =
      " that no report of ours is; choose another name with --out, or give --overwrite";
  if (FileExists(file) && !IsOurPage(file)) {
    return UserError(file, absl::StrCat("exists: a file", kAdvice));
  }
  if (FolderExists(folder) && !IsOurFolder(folder)) {
    return UserError(folder, absl::StrCat("exists: a folder", kAdvice));
  }
  return absl::OkStatus();
}

}  // namespace

std::string DefaultReportFile(const std::vector<std::string>& runs) {
  return runs.size() == 1 ? JoinPath(runs[0], "report.html") : "report.html";
}

std::string TablesFolder(const std::string& report_file) {
  const std::string name = BaseName(report_file);
  const size_t dot = name.rfind('.');
  const std::string stem = dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
  const std::string parent = ParentFolder(report_file);
  return JoinPath(parent.empty() ? "." : parent, stem + "_tables");
}

absl::Status WriteReport(const ReportData& data, const std::string& file, bool overwrite) {
  const std::string folder = TablesFolder(file);
  REGROUP_RETURN_IF_ERROR(CheckTargets(file, folder));
  if (!overwrite) REGROUP_RETURN_IF_ERROR(CheckOurs(file, folder));
  const std::string page = ReportPage(data);
  REGROUP_RETURN_IF_ERROR(MakeFolders(folder));
  for (const DataTable& table : AllTables(data)) {
    const std::string path = JoinPath(folder, table.id);
    REGROUP_RETURN_IF_ERROR(WriteFileAtomically(path + ".csv", TableCsv(table)));
    REGROUP_RETURN_IF_ERROR(WriteFileAtomically(path + ".json", DumpJsonPretty(TableJson(table))));
  }
  return WriteFileAtomically(file, page);
}

Json ReportJson(const ReportData& data) {
  Json json = {{"generator", kGenerator}, {"runs", Json::array()}, {"tables", Json::object()}};
  for (const ReportedRun& run : data.runs) json["runs"].push_back(ToUtf8(run.record.path));
  for (const DataTable& table : AllTables(data))
    json["tables"][table.id] = TableJson(table)["rows"];
  return json;
}

}  // namespace regroup
