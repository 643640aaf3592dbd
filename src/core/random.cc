// Philox4x32-10 and the draws on top of it.
#include "core/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "core/status.h"

namespace regroup {
namespace {

// splitmix64's finalizer: spreads a small seed over the whole key.
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace

std::array<uint32_t, 4> Philox(const std::array<uint32_t, 4>& counter, uint64_t key) {
  std::array<uint32_t, 4> c = counter;
  uint32_t k0 = static_cast<uint32_t>(key);
  uint32_t k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = 0xD2511F53ULL * c[0];
    const uint64_t product1 = 0xCD9E8D57ULL * c[2];
    c = {static_cast<uint32_t>(product1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(product1),
         static_cast<uint32_t>(product0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(product0)};
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return c;
}

CounterRng::CounterRng(uint64_t seed, RandomPurpose purpose, uint64_t position, uint32_t layer)
    : key_(Mix(Mix(seed) ^ (static_cast<uint64_t>(purpose) << 32 | layer))),
      counter_{0, 0, static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32)} {}

uint32_t CounterRng::Next() {
  if (used_ == 4) {
    words_ = Philox(counter_, key_);
    if (++counter_[0] == 0) ++counter_[1];
    used_ = 0;
  }
  return words_[static_cast<size_t>(used_++)];
}

uint64_t CounterRng::Below(uint64_t n) {
  REGROUP_CHECK(n >= 1);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
  while (true) {
    const uint64_t high = Next();
    const uint64_t word = high << 32 | Next();
    if (word < limit) return word % n;
  }
}

double CounterRng::Uniform() {
  const uint64_t high = Next();
  const uint64_t word = high << 32 | Next();
  return static_cast<double>(word >> 11) * 0x1.0p-53;
}

double CounterRng::Normal() {
  const double u = 1.0 - Uniform();
  const double v = Uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::vector<int64_t> CounterRng::Permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[Below(i)]);
  return order;
}

}  // namespace regroup
