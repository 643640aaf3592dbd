// Config of distillation from a teacher (no LibTorch). The recipe makes it.
#pragma once

#include <cstdint>
#include <string>

#include "core/fields.h"

namespace regroup {

struct DistillationConfig {
  std::string teacher;
  double weight = 0.5;
  double temperature = 1;
  int64_t top_k = 0;
  double attention = 0;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("teacher",
            "stage, or folder (with a /), whose distributions are learned from: the parent; to see "
            "what they are worth by themselves, let the parent learn from itself beside it")
          .Required()
          .StageOrFolder(),
      c.teacher);
    v(Field("weight",
            "share of the teacher's distributions in the loss; the plain loss has the rest")
          .AtLeast(0)
          .AtMost(1),
      c.weight);
    v(Field("temperature", "of both distributions").AtLeast(1e-3).AtMost(1000), c.temperature);
    v(Field("top_k", "the teacher's most likely tokens that count, rescaled to 1 (0: all)")
          .AtLeast(0),
      c.top_k);
    v(Field("attention",
            "weight of the relative squared error of the attentions' outputs, a mean over layers "
            "(0: none)")
          .AtLeast(0),
      c.attention);
  }
};

}  // namespace regroup
