// The line at the bottom of a terminal that says how far a long job is. Where stderr is no terminal
// (or with --quiet) nothing is drawn: there the log's lines say it. `train`, `evaluate` and `data`
// loops draw it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace regroup {

// True if a progress line can be drawn at all.
bool ProgressIsShown();
// Draws `line` in the place of the one before, cut to the terminal's width ("" removes it). The
// logger takes it away before it writes a line of its own, and draws it again.
void ShowProgress(const std::string& line);

// Takes the line away when it goes.
class ProgressScope {
 public:
  ProgressScope() = default;
  ~ProgressScope() { ShowProgress(""); }
  ProgressScope(const ProgressScope&) = delete;
  ProgressScope& operator=(const ProgressScope&) = delete;
};

// "[######....]": `share` (0 to 1) of `width` cells.
std::string ProgressBar(double share, int width);
// `line` cut to `columns` characters (not bytes).
std::string CutToColumns(const std::string& line, int columns);

// At most a few true a second, so that drawing costs nothing.
class DrawClock {
 public:
  bool Due();

 private:
  std::chrono::steady_clock::time_point last_;
};

// Progress over a number of things: "en_de: decoding  [###...]  30 %  120/400 rows  35 rows/s
// ETA 8.0 s"; without a bar where the total is not known (0). On a terminal a few times a second,
// and the line goes with the object; elsewhere a plain line every half minute.
class ProgressMeter {
 public:
  ProgressMeter(std::string what, std::string unit, int64_t total);
  void Add(int64_t count);

 private:
  std::string Line(double seconds) const;

  std::string what_, unit_;
  int64_t total_;
  int64_t done_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point logged_;
  DrawClock clock_;
  ProgressScope scope_;
};

}  // namespace regroup
