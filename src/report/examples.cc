// Reads predictions side by side and chooses rows that say something.
#include "report/examples.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "report/json_fields.h"
#include "report/printable.h"
#include "report/word_diff.h"

namespace regroup {
namespace {

constexpr size_t kMostTextBytes = 20000;  // of one text in the page

struct Prediction {
  std::string id, source, output;
  std::vector<std::string> references;
  bool readable = false;
};

std::string Bounded(const std::string& text) {
  return text.size() <= kMostTextBytes
             ? text
             : absl::StrCat(ToUtf8(text.substr(0, kMostTextBytes)), " [...]");
}

Prediction PredictionOf(const std::string& text) {
  const Json line = Json::parse(ToUtf8(text), nullptr, /*allow_exceptions=*/false);
  Prediction prediction;
  const Json& id = FieldOf(line, "id");
  prediction.id = id.is_string() ? id.get<std::string>() : DumpJson(id);
  prediction.source = Bounded(TextOf(line, "input"));
  prediction.output = Bounded(TextOf(line, "output"));
  const Json& references = FieldOf(line, "references");
  for (const Json& reference : references.is_array() ? references : Json::array()) {
    if (reference.is_string())
      prediction.references.push_back(Bounded(reference.get<std::string>()));
  }
  prediction.readable = FieldOf(line, "output").is_string();
  return prediction;
}

struct PredictionFile {
  std::vector<Prediction> rows;
  size_t unreadable = 0;
};

// The first rows; a line that cannot be read keeps its place.
PredictionFile ReadPredictions(const std::string& path) {
  PredictionFile file;
  std::ifstream lines(path, std::ios::binary);
  for (std::string line; file.rows.size() < kMostExampleRows && std::getline(lines, line);) {
    file.rows.push_back(PredictionOf(line));
    if (!file.rows.back().readable) ++file.unreadable;
  }
  return file;
}

// Whether two files are of the same rows; lines that cannot be read say nothing.
bool SameRows(const PredictionFile& a, const PredictionFile& b) {
  for (size_t i = 0; i < std::min(a.rows.size(), b.rows.size()); ++i) {
    const Prediction &one = a.rows[i], &other = b.rows[i];
    if (one.readable && other.readable &&
        (one.id != other.id || one.references != other.references)) {
      return false;
    }
  }
  return true;
}

double Disagreement(const std::vector<std::string>& outputs) {
  double overlap = 0;
  int pairs = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    for (size_t j = i + 1; j < outputs.size(); ++j, ++pairs)
      overlap += WordOverlap(outputs[i], outputs[j]);
  }
  return pairs == 0 ? 0 : 1 - overlap / pairs;
}

// Rows that every file has in a readable form.
std::vector<ExampleRow> CommonRows(const std::vector<PredictionFile>& files) {
  size_t count = files[0].rows.size();
  for (const PredictionFile& file : files) count = std::min(count, file.rows.size());
  std::vector<ExampleRow> rows;
  for (size_t i = 0; i < count; ++i) {
    const Prediction& first = files[0].rows[i];
    ExampleRow row{first.id, first.source, first.references, {}};
    bool readable = true;
    for (const PredictionFile& file : files) {
      readable = readable && file.rows[i].readable;
      row.outputs.push_back(file.rows[i].output);
      if (row.source.empty()) row.source = file.rows[i].source;
    }
    if (!readable) continue;
    row.disagreement = Disagreement(row.outputs);
    rows.push_back(std::move(row));
  }
  return rows;
}

// Half of them where the models differ most (the earlier row of two equal ones), the others at even
// distances.
std::vector<ExampleRow> Choose(std::vector<ExampleRow> rows) {
  if (rows.size() <= kExamples) return rows;
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rows[a].disagreement > rows[b].disagreement; });
  std::set<size_t> chosen;
  for (size_t i = 0; i < kExamples / 2 && rows[order[i]].disagreement > 0; ++i) {
    chosen.insert(order[i]);
    rows[order[i]].chosen_by_disagreement = true;
  }
  const size_t spread = kExamples - chosen.size();
  for (size_t i = 0; i < spread; ++i) {
    size_t row = (2 * i + 1) * rows.size() / (2 * spread);
    while (!chosen.insert(row).second) row = (row + 1) % rows.size();
  }
  std::vector<ExampleRow> kept;
  for (const size_t row : chosen) kept.push_back(std::move(rows[row]));
  return kept;
}

// The files of one task that can stand side by side.
ExampleSet SetOf(const std::string& task, const std::vector<ExampleSource>& sources,
                 std::vector<RunNote>& notes) {
  ExampleSet set{task, {}, {}, 0};
  std::vector<PredictionFile> files;
  for (const ExampleSource& source : sources) {
    if (source.task != task) continue;
    PredictionFile file = ReadPredictions(source.predictions);
    if (file.rows.size() == file.unreadable) {
      notes.push_back({source.place, "no prediction can be read: its outputs are left out"});
      continue;
    }
    if (file.unreadable > 0) {
      notes.push_back(
          {source.place, absl::StrCat(file.unreadable,
                                      " of its lines cannot be read: those rows are left out "
                                      "of the examples")});
    }
    if (!files.empty() && !SameRows(files[0], file)) {
      notes.push_back({source.place, absl::StrCat("its rows are not those of ", set.models[0],
                                                  ": its outputs are left out of the examples")});
      continue;
    }
    set.models.push_back(source.model);
    files.push_back(std::move(file));
  }
  if (files.empty()) return set;
  std::vector<ExampleRow> rows = CommonRows(files);
  set.rows_read = rows.size();
  set.rows = Choose(std::move(rows));
  return set;
}

}  // namespace

std::vector<ExampleSet> ChooseExamples(const std::vector<ExampleSource>& sources,
                                       std::vector<RunNote>& notes) {
  std::vector<ExampleSet> sets;
  std::set<std::string> seen;
  for (const ExampleSource& source : sources) {
    if (!seen.insert(source.task).second) continue;
    ExampleSet set = SetOf(source.task, sources, notes);
    if (!set.rows.empty()) sets.push_back(std::move(set));
  }
  return sets;
}

}  // namespace regroup
