// How many K/V heads a model of a run has, in words. The findings and the curves name models by it.
#pragma once

#include <cstdint>
#include <string>

#include "report/run_record.h"

namespace regroup {

struct Heads {
  std::string text;   // of the decoder: "2", "self 4, cross 2"; "" where nothing says it
  std::string label;  // "MHA", "GQA-2", "MQA"
};

// "MHA", "GQA-2", "MQA": of a decoder with `heads` (a text as above) of `num_heads` query heads (0:
// not known).
std::string HeadsLabel(const std::string& heads, int64_t num_heads);

// Of the model that a stage made, or of the model folder `name`: by its config.json, else by the
// stage's keys, else by what it was made from (not finished, folder gone).
Heads HeadsOfModel(const RunRecord& run, std::string name);

}  // namespace regroup
