// Where `generate` writes: stdout, or a file that a killed run left half written. Used by
// generate_file.cc.
#pragma once

#include <cstdint>
#include <fstream>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// Lines in row order. Open() counts what is there already; Append() takes the rows behind that.
class GeneratedRows {
 public:
  // Before long work: UserError for a path that Open() would refuse whatever the settings are, such
  // as the file `data` itself.
  static absl::Status CheckPlace(const std::string& path, const std::string& data);

  // To `out` if `path` is "". Else to the file, which is absent, empty, or begun by a run that was
  // killed: then path + ".run.json" tells its settings, which must be `settings`; whole lines stay
  // and a torn last line is cut off. Any other file is a UserError and stays as it is. A device or
  // a pipe is written to without settings.
  static absl::StatusOr<GeneratedRows> Open(const std::string& path, const Json& settings,
                                            std::ostream& out);

  size_t finished() const { return ids_.size(); }
  // The row that line `index` (< finished()) holds must have this id.
  absl::Status CheckId(size_t index, const Json& id) const;
  void Append(const Json& line);
  absl::Status Flush();

 private:
  GeneratedRows(std::string path, std::ostream* out) : path_(std::move(path)), out_(out) {}
  absl::Status ReadFinished();
  absl::Status OpenFile();

  std::string path_;
  std::ostream* out_;  // null: file_
  std::ofstream file_;
  std::vector<Json> ids_;  // of the lines found in the file
};

}  // namespace regroup
