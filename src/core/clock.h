// The two clocks of the program: time of day for records, steady time for durations.
#pragma once

#include <chrono>

namespace regroup {

// Seconds since 1970.
inline double UnixTime() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

inline double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace regroup
