// Times the span-corruption stream on real shards: how fast it reads, what memory it takes, how
// long going back to the middle takes. docs/data.md says how it is built and run.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "data/span_corruption.h"
#include "text/tokenizer.h"

namespace {

using regroup::Example;
using regroup::ExampleStream;
using regroup::Json;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kSeed = 1;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

int64_t PeakMegabytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

template <typename T>
T ValueOrExit(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "%s\n", std::string(result.status().message()).c_str());
  std::exit(2);
}

struct Shards {
  std::shared_ptr<const regroup::Tokenizer> tokenizer;
  std::map<std::string, regroup::CorpusConfig> corpora;

  std::unique_ptr<ExampleStream> Open() const {
    return ValueOrExit(regroup::OpenSpanCorruptionStream({}, corpora, tokenizer, kSeed));
  }
};

// The line that the first example after a return to `position` is of, and the time until it is
// there.
Example ExampleAt(const Shards& shards, uint64_t position, const Json& hint, double* seconds) {
  const Clock::time_point begin = Clock::now();
  const auto stream = shards.Open();
  if (!stream->Seek(position, hint).ok()) std::exit(1);
  Example example = ValueOrExit(stream->Next());
  *seconds = SecondsSince(begin);
  return example;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: data_bench TOKENIZER_FOLDER EXAMPLES SHARD...\n");
    return 2;
  }
  Shards shards;
  shards.tokenizer = ValueOrExit(regroup::Tokenizer::Load(argv[1]));
  shards.corpora["shards"].files.assign(argv + 3, argv + argc);
  shards.corpora["shards"].format = "jsonl";

  const int64_t examples = std::strtoll(argv[2], nullptr, 10);
  const auto stream = shards.Open();
  const Clock::time_point begin = Clock::now();
  for (int64_t i = 0; i < examples; ++i) ValueOrExit(stream->Next());
  const double seconds = SecondsSince(begin);
  const uint64_t position = stream->position();
  const Json hint = stream->Hint();
  const Example next = ValueOrExit(stream->Next());
  std::printf("%lld examples in %.1f s, %.0f examples/s; peak memory %lld MB\n",
              static_cast<long long>(examples), seconds, static_cast<double>(examples) / seconds,
              static_cast<long long>(PeakMegabytes()));

  double resumed = 0;
  const Example again = ExampleAt(shards, position, hint, &resumed);
  std::printf("back at %s in %.2f s: %s; peak memory %lld MB\n",
              regroup::DumpJson(hint["corpora"]).c_str(), resumed,
              again.input_ids == next.input_ids ? "the same example" : "ANOTHER EXAMPLE",
              static_cast<long long>(PeakMegabytes()));
  return again.input_ids == next.input_ids ? 0 : 1;
}
