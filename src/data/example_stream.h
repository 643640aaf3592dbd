// An endless sequence of examples whose order is a pure function of (seed, position). `train` reads
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/json.h"
#include "core/status.h"
#include "data/batch.h"

namespace regroup {

class ExampleStream {
 public:
  virtual ~ExampleStream() = default;
  // The example at position() and moves on by one.
  virtual absl::StatusOr<Example> Next() = 0;
  // The number of the example that Next() will return, from 0.
  virtual uint64_t position() const = 0;
  // Goes to `position`. `hint` is what Hint() gave there (or null): only makes it fast, never
  // changes the result.
  virtual absl::Status Seek(uint64_t position, const Json& hint) = 0;
  virtual Json Hint() const = 0;
  // Identity of the data: files with sizes and hashes of their beginning, tokenizer, lengths. Kept
  // in provenance.
  virtual Json Fingerprint() const = 0;
};

}  // namespace regroup
