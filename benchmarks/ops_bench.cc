// fp32 products of T5's shapes by MKL (ATen) and by oneDNN, in alternation: GFLOP/s of both
// (median) and the median of their ratio with its quartiles. Why ops/matmul.cc chooses as it does.
//   build/release/bin/ops_bench
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "ops/machine.h"
#include "ops/matmul.h"

namespace regroup {
namespace {

constexpr int kRounds = 15;

double Seconds(MatMulLibrary library, at::Tensor& out, const at::Tensor& a, const at::Tensor& b,
               int repeats) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < repeats; ++i) MatMulBy(library, out, a, b);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / repeats;
}

double Quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}

void Compare(const char* what, const at::Tensor& a, const at::Tensor& b) {
  std::vector<int64_t> sizes = a.sizes().vec();
  sizes.back() = b.size(-1);
  at::Tensor out = at::empty(sizes);
  const double flops = 2.0 * static_cast<double>(a.numel()) * static_cast<double>(b.size(-1));
  const int repeats = std::max(1, static_cast<int>(2e9 / flops));
  MatMulBy(MatMulLibrary::kOneDnn, out, a, b);
  MatMulBy(MatMulLibrary::kAten, out, a, b);
  std::vector<double> aten, onednn, ratio;
  for (int round = 0; round < kRounds; ++round) {
    aten.push_back(Seconds(MatMulLibrary::kAten, out, a, b, repeats));
    onednn.push_back(Seconds(MatMulLibrary::kOneDnn, out, a, b, repeats));
    ratio.push_back(aten.back() / onednn.back());
  }
  std::printf("| %-34s | %5.0f | %5.0f | %.2f [%.2f, %.2f] |\n", what,
              flops / Quantile(aten, 0.5) / 1e9, flops / Quantile(onednn, 0.5) / 1e9,
              Quantile(ratio, 0.5), Quantile(ratio, 0.25), Quantile(ratio, 0.75));
}

// The three products of a linear layer on `rows` tokens, from width k to n.
void CompareLayer(int64_t rows, int64_t k, int64_t n) {
  const at::Tensor x = at::randn({rows, k}), w = at::randn({n, k}), dy = at::randn({rows, n});
  char name[64];
  std::snprintf(name, sizeof(name), "x w^T, %ldx%ldx%ld", static_cast<long>(rows),
                static_cast<long>(k), static_cast<long>(n));
  Compare(name, x, w.t());
  Compare("   its dx", dy, w);
  Compare("   its dw", dy.t(), x);
}

void CompareAttention(int64_t batches, int64_t length, int64_t width) {
  const at::Tensor q = at::randn({batches, length, width}), k = at::randn({batches, length, width});
  const at::Tensor p = at::randn({batches, length, length});
  char name[64];
  std::snprintf(name, sizeof(name), "q k^T, %ld heads of %ldx%ld", static_cast<long>(batches),
                static_cast<long>(length), static_cast<long>(width));
  Compare(name, q, k.transpose(1, 2));
  Compare("   p v", p, k);
  Compare("   p^T dout", p.transpose(1, 2), q);
}

int Main() {
  const MachinePeaks machine = DescribeMachine();
  std::printf("%s, %ld threads, %s\n\n", machine.cpu.c_str(), static_cast<long>(machine.threads),
              machine.isa.c_str());
  if (!OneDnnServesFp32()) {
    std::printf("oneDNN does not serve fp32 products here; ATen's are used.\n");
    return 0;
  }
  std::printf("| product | MKL, GFLOP/s | oneDNN | ratio [quartiles] |\n|---|---|---|---|\n");
  for (const int64_t rows : {16, 128, 4096}) CompareLayer(rows, 256, 768);
  CompareLayer(4096, 640, 256);
  CompareLayer(912, 512, 1152);
  CompareLayer(4096, 512, 2048);
  CompareLayer(4096, 768, 2304);
  CompareLayer(1600, 256, 4000);
  CompareAttention(256, 128, 32);
  CompareAttention(48, 512, 64);
  return 0;
}

}  // namespace
}  // namespace regroup

int main() { return regroup::Main(); }
