// Beam search of a batch: the decoder's steps and each sentence's beams. Engine calls it where
// there is more than one beam.
#pragma once

#include <vector>

#include "core/status.h"
#include "decode/beam_search.h"
#include "decode/decoder.h"
#include "decode/engine.h"
#include "decode/token_rules.h"

namespace regroup {

struct BeamTask {
  BeamRules rules;
  TokenRules token_rules;
  int64_t start = 0;  // decoder start token
  int64_t n_best = 1;
};

// Hypotheses of the sentences of `state` (made for rules.beams beams and not stepped yet), in
// their order. Adds a time for each step to `times`. StoppedStatus() if a signal came.
absl::StatusOr<std::vector<Hypothesis>> DecodeBeams(const BeamTask& task, DecoderState& state,
                                                    DecodeTimes& times);

}  // namespace regroup
