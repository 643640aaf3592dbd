// Config of a calibration (no LibTorch). The recipe and the command line both make it.
#pragma once

#include <cstdint>
#include <string>

#include "core/fields.h"

namespace regroup {

struct CalibrateConfig {
  int64_t rows = 512;
  std::string precision = "fp32";
  int64_t micro_batch = 4;
  bool encoder = false;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("rows", "rows that stream through the parent").AtLeast(1).AtMost(1 << 20), c.rows);
    v(Field("precision", "compute type of the parent; sums are fp64").OneOf({"fp32", "bf16"}),
      c.precision);
    v(Field("micro_batch", "rows computed at once").AtLeast(1).AtMost(4096).NoResult(),
      c.micro_batch);
    v(Field("encoder", "measure the encoder's attentions too"), c.encoder);
  }
};

// Training of each merged attention alone, against what the parent's gave on the same inputs.
struct LocalDistillationConfig {
  int64_t steps = 0;
  int64_t rows = 32;
  double rate = 1e-3;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("steps", "steps of Adam per attention (0: none; 200 are usual)").AtLeast(0), c.steps);
    v(Field("rows", "calibration rows per step").AtLeast(1).AtMost(4096), c.rows);
    v(Field("rate", "learning rate, falling linearly to 0").AtLeast(0), c.rate);
  }
};

// What follows a merge where there is a calibration.
struct RefineConfig {
  bool refit = false;
  LocalDistillationConfig local_distillation;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("refit",
            "fit the output projections anew to the merged heads, in closed form; needs a "
            "calibration"),
      c.refit);
    v(Field("local_distillation",
            "train each merged attention alone against the parent's; needs a "
            "calibration"),
      c.local_distillation);
  }
};

}  // namespace regroup
