// C++ twin of formula.py: values that a golden's maker and its test both compute, so that goldens
// store outputs only. Golden tests of model, optim and train include it.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace regroup::golden {

// The index-th value of `name` in [-1, 1).
inline double Uniform(const std::string& name, int64_t index) {
  uint64_t x = 0xCBF29CE484222325ULL;
  for (const char c : name) x = (x ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  x += static_cast<uint64_t>(index + 1) * 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  x ^= x >> 31;
  return static_cast<double>(x >> 40) / 8388608.0 - 1.0;
}

inline at::Tensor Tensor(const std::string& name, at::IntArrayRef shape, double scale,
                         double offset = 0) {
  at::Tensor out = at::empty(shape, at::kFloat);
  float* data = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    data[i] = static_cast<float>(offset + scale * Uniform(name, i));
  }
  return out;
}

inline std::vector<int32_t> Ids(const std::string& name, int64_t count, int64_t low, int64_t high) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    const double unit = (Uniform(name, i) + 1.0) / 2.0;
    ids.push_back(static_cast<int32_t>(
        low + static_cast<int64_t>(std::floor(unit * static_cast<double>(high - low)))));
  }
  return ids;
}

}  // namespace regroup::golden
