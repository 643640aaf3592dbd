// regroup report: a page, and tables, from what runs left.
#include <iostream>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/next_step.h"
#include "report/report.h"

namespace regroup {
namespace {

struct Options {
  std::vector<std::string> run;
  std::string out;
  bool overwrite = false;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("run", "folders of runs; several are shown side by side").Required(), c.run);
    v(Field("out",
            "the report's file (default: report.html in the folder of one run, here for several); "
            "its tables go into <name>_tables beside it"),
      c.out);
    v(Field("overwrite", "replace a file of that name that no report of ours is"), c.overwrite);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  REGROUP_ASSIGN_OR_RETURN(const ReportData data, GatherReport(options.run));
  const bool write = !common.json || !options.out.empty();
  const std::string file = options.out.empty() ? DefaultReportFile(options.run) : options.out;
  if (write) REGROUP_RETURN_IF_ERROR(WriteReport(data, file, options.overwrite));
  if (common.json) {
    std::cout << DumpJson(ReportJson(data)) << "\n";
    return absl::OkStatus();
  }
  std::cout << absl::StrCat("page:   ", file, "\ntables: ", TablesFolder(file), "\n");
  if (!data.notes.empty())
    std::cout << absl::StrCat("The section \"What is missing\" has ", data.notes.size(),
                              data.notes.size() == 1 ? " entry" : " entries", ".\n");
  if (write) SayNext(common, absl::StrCat("open ", file, " in a browser"));
  return absl::OkStatus();
}

}  // namespace

Command ReportCommand() {
  return MakeCommand<Options>(
      "report", "one HTML page with tables, curves and examples of runs",
      {"regroup report runs/quickstart",
       "regroup report runs/seed-1 runs/seed-2 runs/seed-3 --out seeds.html",
       "regroup report runs/quickstart --json | jq .tables.quality"},
      {"run"}, Run);
}

}  // namespace regroup
