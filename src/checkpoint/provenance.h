// The history of a model as regroup.json records it, in words. `inspect` prints it.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace regroup {

// Oldest first: "pre-trained 800 steps", "K/V heads of decoder_self, cross merged by mean to 2,
// from runs/a/parent/step-00000800", "uptrained 5 % of the original steps (40)", "fine-tuned on
// titles, 200 steps". The file names what happened last; what came before it is put in the usual
// order. Empty for a model of other software (null) and for a record that says none of this.
std::vector<std::string> ProvenanceChain(const Json& provenance);

}  // namespace regroup
