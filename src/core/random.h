// Counter-based random numbers: every draw is a pure function of (seed, purpose, position, layer),
// so resuming, accumulating and recomputing need no stored state. Used by data, ops, convert,
// metrics.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace regroup {

// What a draw is for; keeps the streams of different users apart. Never renumber: recorded runs
// depend on it.
enum class RandomPurpose : uint32_t {
  kSpanMask = 1,
  kDocumentOrder = 2,
  kExampleOrder = 3,
  kMixture = 4,
  kDropout = 5,
  kInitialize = 6,
  kConvertRandom = 7,
  kBootstrap = 8,
  kTaskWindow = 9,
  kBenchSource = 10,
  kLocalDistillation = 11,
  kTest = 100,
};

// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): four 32-bit
// words from a 128-bit counter and a 64-bit key.
std::array<uint32_t, 4> Philox(const std::array<uint32_t, 4>& counter, uint64_t key);

// A sequence of draws for one (seed, purpose, position, layer). Cheap to make; copies continue
// independently.
class CounterRng {
 public:
  CounterRng(uint64_t seed, RandomPurpose purpose, uint64_t position, uint32_t layer = 0);

  uint32_t Next();             // uniform over all 32-bit words
  uint64_t Below(uint64_t n);  // uniform in [0, n), n >= 1, without modulo bias
  double Uniform();            // uniform in [0, 1), 53 bits
  double Normal();             // standard normal (Box-Muller, one value per two words pairs)

  // Fisher-Yates: a uniformly random order of 0..n-1.
  std::vector<int64_t> Permutation(int64_t n);

 private:
  uint64_t key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> words_{};
  int used_ = 4;
};

}  // namespace regroup
