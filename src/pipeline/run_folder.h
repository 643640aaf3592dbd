// runs/<name>/: one folder per stage, a lock against a second run, and the record of what each
// stage did. run_recipe.cc drives it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// What a stage is, for "has anything changed": its kind, the keys that change results, and the
// identity of its inputs.
struct StageIdentity {
  std::string kind;
  Json config;
  Json inputs;
  std::string Hash() const;
};

// Dotted names of the values that differ ("config.steps: 800 -> 900").
std::vector<std::string> ChangedKeys(const StageIdentity& before, const StageIdentity& now);

class RunFolder {
 public:
  // Makes the folder and locks it; a folder that another live process works in is a UserError with
  // its process id.
  static absl::StatusOr<std::unique_ptr<RunFolder>> Open(const std::string& path);
  // The same folder to read only, whoever works in it.
  static std::unique_ptr<RunFolder> View(const std::string& path);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string StageFolder(const std::string& stage) const;

  // The identity under which a stage finished or was begun, or nullopt if it never began or left
  // nothing to go on from. A damaged record is a UserError.
  absl::StatusOr<std::optional<StageIdentity>> Recorded(const std::string& stage) const;
  // The result of a finished stage, or nullopt. A UserError if what it names is gone.
  absl::StatusOr<std::optional<Json>> Result(const std::string& stage) const;

  absl::Status Begin(const std::string& stage, const StageIdentity& identity) const;
  absl::Status Finish(const std::string& stage, const StageIdentity& identity, const Json& result,
                      double seconds) const;
  // For those who look at the run; not needed to go on, so a full disk is no further error.
  void NoteFailure(const std::string& stage, const absl::Status& error) const;
  // Seconds that sessions before this one worked on the stage (those that ended by a kill are not
  // known), and what this one adds.
  double SecondsBefore(const std::string& stage) const;
  void NoteSeconds(const std::string& stage, double seconds) const;
  // What --redo asked for in a run that has not come to its end since; empty if nothing.
  absl::StatusOr<std::vector<std::string>> PendingRedo() const;
  absl::Status NoteRedo(const std::vector<std::string>& stages) const;
  absl::Status ForgetRedo() const;
  // Renames the stage's folder to <stage>.old-1, -2, ...; never deletes. Returns the new name.
  absl::StatusOr<std::string> MoveAside(const std::string& stage) const;

 private:
  RunFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_;
};

// Reads what a stage left in a run folder without locking it (plan, compare, inspect).
absl::StatusOr<std::optional<Json>> ReadStageResult(const std::string& stage_folder);

}  // namespace regroup
