// Log lines on stderr (results go to stdout, never here). Called from every room that reports
// progress.
#pragma once

#include <string>

namespace regroup {

enum class LogLevel { kInfo, kWarning, kError };

// Writes one line to stderr and, if set, to the log file; thread-safe.
void Log(LogLevel level, const std::string& message);
void LogInfo(const std::string& message);
void LogWarning(const std::string& message);
// To the log file only: what a progress line shows on the terminal (core/progress.h).
void LogToFile(const std::string& message);

// --quiet: information is not written to stderr (warnings and errors are).
void SetQuiet(bool quiet);
// Also append every line, with its time, to this file ("" stops).
void SetLogFile(const std::string& path);

// "1:02:03", "4:05"; "12.3 s" below a minute.
std::string FormatDuration(double seconds);
// "1.5 MB", "612 kB" (powers of 1000).
std::string FormatBytes(double bytes);
// "1,234,567".
std::string FormatCount(long long count);

}  // namespace regroup
