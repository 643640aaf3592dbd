// What a run folder holds, from its files alone: no lock is taken, nothing is written, and what is
// missing or damaged is a note, not an error. The report and `watch` read runs through this.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"
#include "report/metrics_file.h"

namespace regroup {

// What `run` leaves in a stage's folder when the stage begins, ends, ends by an error.
inline constexpr char kStartedFile[] = "started.json";
inline constexpr char kFinishedFile[] = "stage.json";
inline constexpr char kFailedFile[] = "failed.json";  // {"error"}; gone when the stage goes on

enum class StageState { kWaiting, kRunning, kStopped, kFailed, kDone };
std::string StateName(StageState state);  // "waiting", "running", "stopped", "failed", "done"

struct StageRecord {
  std::string name;
  std::string kind;    // "tokenizer", "pretrain", ...; "" where nothing says it
  std::string folder;  // may not exist
  StageState state = StageState::kWaiting;
  std::string error;  // why it failed
  Json config;        // of the stage's record, else of the recipe; an object or null
  Json inputs;        // of the stage's record
  Json result;        // of a finished stage whose record can be read, else null
  std::optional<double> seconds;
  TrainingLog log;  // of training stages; ReadTraining fills it
};

// Something that a reader of the report must know: where, and what is missing or wrong.
struct RunNote {
  std::string place, message;
};

struct RunRecord {
  std::string path;
  std::string name;                     // the recipe's, else the folder's
  Json environment;                     // environment.json, or null
  std::string begun, last_sign;         // first and last time in log.txt: "2026-01-31T10:00:00Z"
  std::optional<int> process;           // holds the run's lock on this machine
  std::vector<StageRecord> stages;      // in the recipe's order
  std::vector<std::string> last_lines;  // of log.txt, printable, at most kLastLines
  std::vector<RunNote> notes;

  // By its name, or by NAME@STEP, a checkpoint of it.
  const StageRecord* Find(const std::string& stage) const;
};
inline constexpr size_t kLastLines = 40;

// Recipe, environment, log and the record of every stage. UserError for what is no run folder.
absl::StatusOr<RunRecord> ReadRun(const std::string& path);

// metrics.jsonl of every stage that trains, with notes on what cannot be read.
void ReadTraining(RunRecord& run);

// True if the folder holds a record of a stage, begun or finished.
bool IsStageFolder(const std::string& path);

// By the folder's files alone: never kRunning.
StageState StateOfFolder(const std::string& stage_folder);

// The process that holds a flock(2) on `path`, from /proc/locks: asking for the lock would disturb
// a run that begins.
std::optional<int> LockHolder(const std::string& path);

}  // namespace regroup
