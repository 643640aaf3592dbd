// Tables of what was logged, shown and missing, and of the paper: see report_tables.h.
#include "report/paper.h"
#include "report/report_tables.h"
#include "report/word_diff.h"

namespace regroup {
namespace {

using Kind = Column::Kind;

const Column kRun = {"run", "run", Kind::kFilesOnly};

}  // namespace

DataTable TrainingTable(const ReportData& data) {
  DataTable table{"training",
                  "Every logged step of every stage that trains.",
                  {kRun,
                   {"stage", "stage"},
                   {"step", "step", Kind::kNumber},
                   {"time", "time", Kind::kNumber},
                   {"loss", "loss", Kind::kNumber},
                   {"learning_rate", "learning rate", Kind::kNumber},
                   {"gradient_norm", "gradient norm", Kind::kNumber},
                   {"tokens_per_second", "tokens/s", Kind::kNumber}},
                  {}};
  for (const ReportedRun& run : data.runs) {
    for (const StageRecord& stage : run.record.stages) {
      for (const LoggedStep& step : stage.log.steps) {
        table.rows.push_back({Cell::Of(run.label), Cell::Of(stage.name), Cell::Of(step.step),
                              Cell::Of(step.time, 0), Cell::Of(step.loss, 4),
                              Cell::Of(step.learning_rate, 6), Cell::Of(step.gradient_norm, 4),
                              Cell::Of(step.tokens_per_second, 0)});
      }
    }
  }
  return table;
}

DataTable ValidationsTable(const ReportData& data) {
  DataTable table{"validations",
                  "Every validation of every stage that trains.",
                  {kRun,
                   {"stage", "stage"},
                   {"step", "step", Kind::kNumber},
                   {"time", "time", Kind::kNumber},
                   {"name", "name"},
                   {"value", "value", Kind::kNumber}},
                  {}};
  for (const ReportedRun& run : data.runs) {
    for (const StageRecord& stage : run.record.stages) {
      for (const LoggedValidation& logged : stage.log.validations) {
        for (const auto& [name, value] : logged.values) {
          table.rows.push_back({Cell::Of(run.label), Cell::Of(stage.name), Cell::Of(logged.step),
                                Cell::Of(logged.time, 0), Cell::Of(name), Cell::Of(value, 4)});
        }
      }
    }
  }
  return table;
}

DataTable ExamplesTable(const ReportData& data) {
  DataTable table{"examples",
                  "The rows that are shown as examples, a line for each model's output. Words are "
                  "counted against the first reference.",
                  {{"task", "task"},
                   {"row", "row"},
                   {"disagreement", "disagreement", Kind::kNumber},
                   {"source", "source"},
                   {"reference", "reference"},
                   {"references", "references", Kind::kNumber},
                   {"model", "model"},
                   {"output", "output"},
                   {"shared_words", "shared words", Kind::kNumber}},
                  {}};
  for (const ExampleSet& set : data.examples) {
    for (const ExampleRow& row : set.rows) {
      const std::string reference = row.references.empty() ? "" : row.references[0];
      for (size_t i = 0; i < row.outputs.size(); ++i) {
        const WordDiff diff = CompareWords(reference, row.outputs[i]);
        table.rows.push_back({Cell::Of(set.task), Cell::Of(row.id), Cell::Of(row.disagreement, 2),
                              Cell::Of(row.source), Cell::Of(reference),
                              Cell::Of(static_cast<int64_t>(row.references.size())),
                              Cell::Of(set.models[i]), Cell::Of(row.outputs[i]),
                              Cell::Of(static_cast<int64_t>(diff.shared_words))});
      }
    }
  }
  return table;
}

DataTable SkippedTable(const ReportData& data) {
  DataTable table{"skipped_windows",
                  "Windows of training data that were left out, and why. Position: of the stage's "
                  "stream, in examples.",
                  {{"run", "run", data.several() ? Kind::kText : Kind::kFilesOnly},
                   {"stage", "stage"},
                   {"step", "step", Kind::kNumber},
                   {"reason", "reason"},
                   {"loss", "loss", Kind::kNumber},
                   {"gradient_norm", "gradient norm", Kind::kNumber},
                   {"position", "position", Kind::kNumber}},
                  {}};
  for (const ReportedRun& run : data.runs) {
    for (const SkippedWindow& window : run.skipped) {
      table.rows.push_back({Cell::Of(run.label), Cell::Of(window.stage), Cell::Count(window.step),
                            Cell::Of(window.reason), Cell::Of(window.loss, 4),
                            Cell::Of(window.gradient_norm, 3), Cell::Count(window.position)});
    }
  }
  return table;
}

DataTable MissingTable(const ReportData& data) {
  DataTable table{"missing",
                  "What this report could not show, and why.",
                  {{"place", "where"}, {"message", "what"}},
                  {}};
  for (const RunNote& note : data.notes)
    table.rows.push_back({Cell::Of(note.place), Cell::Of(note.message)});
  return table;
}

DataTable PaperTable() {
  DataTable table{"paper_table_1",
                  "The paper's Table 1 (arXiv 2305.13245): T5 1.1 on TPUv4, MQA and GQA uptrained "
                  "with alpha 5 %. Average: the paper's own column over seven tasks.",
                  {{"model", "model"},
                   {"seconds_per_sample", "s per sample", Kind::kNumber},
                   {"speed_up", "speed-up", Kind::kNumber},
                   {"average", "average", Kind::kNumber},
                   {"cnn_rouge1", "CNN R1", Kind::kNumber},
                   {"wmt_bleu", "WMT BLEU", Kind::kNumber},
                   {"trivia_qa_f1", "TriviaQA F1", Kind::kNumber}},
                  {}};
  for (const PaperModel& model : kPaperTable1) {
    const double speed_up = kPaperTable1[0].seconds_per_sample / model.seconds_per_sample;
    table.rows.push_back({Cell::Of(model.name), Cell::Of(model.seconds_per_sample, 2),
                          Cell::Ratio(speed_up), Cell::Of(model.average, 1),
                          Cell::Of(model.cnn_rouge1, 1), Cell::Of(model.wmt_bleu, 1),
                          Cell::Of(model.trivia_qa_f1, 1)});
  }
  return table;
}

DataTable PaperRecoveryTable() {
  DataTable table{
      "paper_figure_5",
      "The paper's Figure 5, read off the plot (to about 0.02): T5-XXL, mean of CNN/DM "
      "R1, MultiNews R1 and TriviaQA F1.",
      {{"model", "model"}, {"alpha", "alpha", Kind::kNumber}, {"score", "score", Kind::kNumber}},
      {}};
  for (const PaperRecovery& curve : kPaperFigure5) {
    for (size_t i = 0; i < kPaperAlphas.size(); ++i) {
      table.rows.push_back(
          {Cell::Of(curve.name), Cell::Percent(kPaperAlphas[i]), Cell::Of(curve.score[i], 2)});
    }
  }
  return table;
}

}  // namespace regroup
