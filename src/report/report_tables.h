// The tables of a report, each as rows of cells. The page shows most of them, `report` writes all
// of them as CSV and JSON.
#pragma once

#include <vector>

#include "report/data_table.h"
#include "report/report_data.h"

namespace regroup {

DataTable StagesTable(const ReportData& data);
DataTable QualityTable(const ReportData& data);
DataTable SpeedTable(const ReportData& data);
DataTable RecoveryTable(const ReportData& data);
DataTable QualityAgainstTimeTable(const ReportData& data);
DataTable TrainingTable(const ReportData& data);     // every logged step
DataTable ValidationsTable(const ReportData& data);  // every validation
DataTable ExamplesTable(const ReportData& data);
DataTable SkippedTable(const ReportData& data);
DataTable MissingTable(const ReportData& data);
DataTable PaperTable();          // the paper's Table 1
DataTable PaperRecoveryTable();  // the paper's Figure 5

// All of the above; always the same ones, empty where a run has nothing to say.
std::vector<DataTable> AllTables(const ReportData& data);

}  // namespace regroup
