// The pre-training data of a source, from where it stopped reading. Uptraining goes on in it;
// calibration looks at its next examples.
#pragma once

#include <memory>

#include "data/example_stream.h"
#include "pipeline/context.h"

namespace regroup {

struct SourceStream {
  std::unique_ptr<ExampleStream> stream;
  uint64_t position = 0;  // to seek to
  Json hint;
};

// Where the position is unknown, or the data is another than the source's, the data begins anew in
// another order; the log says which. `seed` is that of the source's order.
absl::StatusOr<SourceStream> OpenSourceStream(const StageContext& context, const HfModel& source,
                                              const SpanCorruptionConfig& data, uint64_t seed,
                                              std::shared_ptr<const Tokenizer> tokenizer);
// The data from its beginning in an order of its own for each `data_seed`.
absl::StatusOr<SourceStream> OpenReorderedStream(const StageContext& context,
                                                 const SpanCorruptionConfig& data, uint64_t seed,
                                                 uint64_t data_seed,
                                                 std::shared_ptr<const Tokenizer> tokenizer);

}  // namespace regroup
