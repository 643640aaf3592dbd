// What a plan reckons with: this machine, as it was measured or is believed to be, or a machine
// that is not here. Used by plan.cc and estimates.cc.
#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"

namespace regroup {

struct Device {
  std::string name;             // "2 threads of AMD EPYC ...", "8 x h100"
  std::string source;           // where the rates come from: "measured", "assumed", "published"
  int64_t count = 1;            // devices that share a batch
  double memory_bytes = 0;      // of one
  double fp32_flops = 0;        // of one, per second
  double bf16_flops = 0;        // of one, per second
  double bytes_per_second = 0;  // read bandwidth of one
  double share = 0.5;           // of the rate of matrix products that training reaches
  bool here = true;             // false: nothing is known of the machine's files

  double Flops(const std::string& precision) const {
    return precision == "bf16" ? bf16_flops : fp32_flops;
  }
};

// This machine and its number of threads: rates that CalibrateMachine() has remembered, else what
// cores with its instruction set are known to do.
Device ThisMachine();

// Measures the rates (a few seconds) and remembers them in the cache folder.
absl::Status CalibrateMachine();

// "h100:8", "a100-40gb", "cpu:16"; a UserError lists what is known. Published dense rates.
absl::StatusOr<Device> DeviceOf(const std::string& spec);

}  // namespace regroup
