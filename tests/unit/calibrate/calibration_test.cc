// Calibration against sums written out row by row, its independence of how rows are cut, its going
// on after a stop, and what refining may and may not do.
#include "calibrate/calibration.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "calibrate/layer_sweep.h"
#include "calibrate/moments.h"
#include "calibrate/refine.h"
#include "convert/regroup.h"
#include "core/files.h"
#include "core/random.h"
#include "support/temp_folder.h"

namespace regroup {
namespace {

using ::testing::HasSubstr;

T5Config Tiny() {
  T5Config config;
  config.vocab_size = 40;
  config.d_model = 16;
  config.d_kv = 4;
  config.d_ff = 24;
  config.num_layers = 2;
  config.num_decoder_layers = 2;
  config.num_heads = 4;
  config.SetMultiHead();
  return config;
}

// Larger than the initializer's, so that attention is not uniform.
StateDict Weights(const T5Config& config, uint64_t seed) {
  StateDict weights = InitializeWeights(config, seed);
  for (auto& [name, tensor] : weights) {
    if (name.find("ttention.") != std::string::npos) tensor = tensor * 3;
  }
  return weights;
}

std::vector<Example> Rows(int64_t count, uint64_t longest_source = 12) {
  std::vector<Example> rows;
  for (int64_t i = 0; i < count; ++i) {
    CounterRng rng(3, RandomPurpose::kTest, static_cast<uint64_t>(i));
    Example row;
    row.position = static_cast<uint64_t>(i);
    row.id = std::to_string(i);
    const auto draw = [&](std::vector<int32_t>& ids, uint64_t longest) {
      ids.resize(3 + rng.Below(longest));
      for (int32_t& id : ids) id = static_cast<int32_t>(2 + rng.Below(38));
    };
    draw(row.input_ids, longest_source);
    draw(row.target_ids, 7);
    rows.push_back(row);
  }
  return rows;
}

HfModel Model(uint64_t seed) {
  HfModel model;
  model.config = Tiny();
  model.weights = Weights(model.config, seed);
  model.folder = "parent";
  return model;
}

// Everything that the attentions of a whole forward pass see, row by row.
class Everything final : public BlockObserver {
 public:
  void Attended(const AttentionSeen& one) override { seen[one.prefix].push_back(one); }
  std::map<std::string, std::vector<AttentionSeen>> seen;
};

Everything SeenOneByOne(const HfModel& model, const std::vector<Example>& rows) {
  const at::NoGradGuard no_grad;
  Everything all;
  StateDict weights = model.weights;
  for (auto& [name, tensor] : weights) tensor = tensor.to(at::kDouble);
  T5Model whole(model.config, weights, at::kDouble);
  whole.Observe(&all);
  for (const Example& row : rows) {
    const BatchTensors batch = ToTensors(Collate({&row, 1}), model.config, at::kCPU);
    (void)whole.DecodeLogits(whole.Encode(batch), batch);
  }
  return all;
}

// The moments by their definitions, a sequence and a head at a time.
SiteStatistics ByDefinition(const std::vector<AttentionSeen>& seen, const AttentionWeights& w) {
  const int64_t d = seen[0].x_btd.size(-1), e = w.q.size(0) / w.heads;
  SiteStatistics sums{at::zeros({d, d}, at::kDouble), at::zeros({w.heads, e, e}, at::kDouble),
                      at::zeros({d, d}, at::kDouble)};
  double keys = 0, queries = 0;
  for (const AttentionSeen& one : seen) {
    const at::Tensor x_td = one.x_btd[0], y_sd = one.y_bsd[0];
    keys += static_cast<double>(y_sd.size(0));
    queries += static_cast<double>(x_td.size(0));
    const at::Tensor centered = y_sd - y_sd.mean(0);
    sums.key_covariance_dd += at::mm(centered.t(), centered);
    for (int64_t h = 0; h < w.heads; ++h) {
      const at::Tensor q = at::mm(x_td, w.q.narrow(0, h * e, e).to(at::kDouble).t());
      const at::Tensor k = at::mm(y_sd, w.k.narrow(0, h * e, e).to(at::kDouble).t());
      at::Tensor scores = at::mm(q, k.t());
      if (one.terms.bias_1hts.defined()) scores = scores + one.terms.bias_1hts[0][h];
      const at::Tensor z = at::mm(at::softmax(scores, -1), y_sd);
      sums.query_moment_hee[h] += at::mm(q.t(), q);
      sums.value_moment_dd += at::mm(z.t(), z) / static_cast<double>(w.heads);
    }
  }
  return {sums.key_covariance_dd / keys, sums.query_moment_hee / queries,
          sums.value_moment_dd / queries};
}

double Difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

double WorstDifference(const Statistics& a, const Statistics& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (const auto& [prefix, site] : a) {
    const SiteStatistics& other = b.at(prefix);
    worst = std::max({worst, Difference(site.key_covariance_dd, other.key_covariance_dd),
                      Difference(site.query_moment_hee, other.query_moment_hee),
                      Difference(site.value_moment_dd, other.value_moment_dd)});
  }
  return worst;
}

CalibrationRequest Request(const HfModel& model, const std::vector<Example>& rows,
                           const std::string& folder) {
  CalibrationRequest request;
  request.model = &model;
  request.rows = rows;
  request.data = "test";
  request.folder = folder;
  request.config.rows = static_cast<int64_t>(rows.size());
  request.config.micro_batch = 5;
  return request;
}

Calibration MustCalibrate(const CalibrationRequest& request) {
  const auto made = Calibrate(request);
  REGROUP_CHECK(made.ok(), std::string(made.status().message()));
  auto loaded = LoadCalibration(request.folder);
  REGROUP_CHECK(loaded.ok(), std::string(loaded.status().message()));
  return *std::move(loaded);
}

TEST(Calibration, MeasuresTheMomentsOfRealTokensAlone) {
  const TempFolder folder;
  const HfModel model = Model(1);
  const std::vector<Example> rows = Rows(17);
  CalibrationRequest request = Request(model, rows, folder.File("c"));
  request.config.encoder = true;
  const Calibration measured = MustCalibrate(request);
  EXPECT_EQ(measured.rows.size(), rows.size());
  EXPECT_EQ(measured.rows[3].target_ids, rows[3].target_ids);
  ASSERT_EQ(measured.statistics.size(), 6U);
  const Everything all = SeenOneByOne(model, rows);
  for (const auto& [prefix, site] : measured.statistics) {
    const AttentionWeights weights = WeightsOf(model.config, model.weights, prefix, 4);
    const Statistics expected{{prefix, ByDefinition(all.seen.at(prefix), weights)}};
    EXPECT_LT(WorstDifference({{prefix, site}}, expected), 1e-5) << prefix;
  }
  // Sources longer than the model is wide: the values' moment is summed the other way.
  const std::vector<Example> long_rows = Rows(7, 70);
  request = Request(model, long_rows, folder.File("long"));
  request.config.encoder = true;
  const Everything long_seen = SeenOneByOne(model, long_rows);
  for (const auto& [prefix, site] : MustCalibrate(request).statistics) {
    const AttentionWeights weights = WeightsOf(model.config, model.weights, prefix, 4);
    const Statistics expected{{prefix, ByDefinition(long_seen.seen.at(prefix), weights)}};
    EXPECT_LT(WorstDifference({{prefix, site}}, expected), 1e-5) << prefix;
  }
  // The control: one row less is another measurement.
  const Calibration fewer = MustCalibrate(Request(model, Rows(16), folder.File("fewer")));
  EXPECT_GT(Difference(fewer.statistics.at(CrossPrefix(1)).value_moment_dd,
                       measured.statistics.at(CrossPrefix(1)).value_moment_dd),
            1e-4);
}

TEST(Calibration, DoesNotDependOnHowRowsAreCut) {
  const TempFolder folder;
  const HfModel model = Model(2);
  CalibrationRequest request = Request(model, Rows(12), folder.File("a"));
  const Calibration together = MustCalibrate(request);
  request.folder = folder.File("b");
  request.config.micro_batch = 1;
  EXPECT_LT(WorstDifference(MustCalibrate(request).statistics, together.statistics), 1e-5);
}

TEST(Calibration, SaysHowTheLossOfAMergeFallsWithTheRows) {
  const TempFolder folder;
  const HfModel model = Model(3);
  const Calibration made = MustCalibrate(Request(model, Rows(64), folder.File("c")));
  ASSERT_EQ(made.description["losses"].size(), 4U);
  for (const Json& site : made.description["losses"]) {
    EXPECT_EQ(site["rows"].back(), 64);
    EXPECT_EQ(site["rows"].size(), 3U);  // near 16, 32, and 64
    for (const char* side : {"key", "value"}) {
      const double few = site[side].front(), all = site[side].back();
      EXPECT_GT(few, all);  // what all rows give is the least under what all rows say
      EXPECT_GT(all, 0);
      EXPECT_LT(few, 1);
    }
  }
  EXPECT_THAT(CalibrationText(made.description), HasSubstr("64 rows"));
}

// Ends the sweep at its n-th layer.
class Stopper final : public LayerVisitor {
 public:
  explicit Stopper(int layers) : left_(layers) {}
  void BeginLayer(bool decoder, int64_t layer, const StateDict&) override {
    begun.push_back((decoder ? "decoder " : "encoder ") + std::to_string(layer));
  }
  void See(const AttentionSeen& seen) override { outs[seen.prefix].push_back(seen.out_btd); }
  absl::Status FinishLayer(LayerInputs& inputs) override {
    const auto again = inputs.Run({1});
    REGROUP_CHECK(again.ok() && !again->empty());
    const at::Tensor& out = again->front().out_btd;
    const std::vector<at::Tensor>& batches = outs.at(again->front().prefix);
    const int64_t size = batches[0].size(0);  // row 1 was in this batch, in this place
    const at::Tensor first = batches[static_cast<size_t>(1 / size)][1 % size];
    EXPECT_LT((first.narrow(0, 0, out.size(1)) - out[0]).abs().max().item<double>(), 1e-5);
    return left_-- > 0 ? absl::OkStatus() : RunError("test", "stopped");
  }
  std::vector<std::string> begun;
  std::map<std::string, std::vector<at::Tensor>> outs;

 private:
  int left_;
};

TEST(LayerSweep, GoesOnAtTheLayerWhereItWasStopped) {
  const TempFolder folder;
  const HfModel model = Model(4);
  const std::vector<Example> rows = Rows(7);
  SweepOptions options;
  options.micro_batch = 3;
  options.encoder = true;
  options.folder = folder.File("whole");
  Stopper whole(100);
  ASSERT_TRUE(SweepLayers(model.config, model.weights, rows, options, whole).ok());
  EXPECT_EQ(whole.begun,
            (std::vector<std::string>{"encoder 0", "encoder 1", "decoder 0", "decoder 1"}));
  for (int stop = 0; stop < 4; ++stop) {
    options.folder = folder.File(std::to_string(stop));
    Stopper first(stop), second(100);
    EXPECT_FALSE(SweepLayers(model.config, model.weights, rows, options, first).ok());
    ASSERT_TRUE(SweepLayers(model.config, model.weights, rows, options, second).ok());
    EXPECT_EQ(second.begun.front(), whole.begun[static_cast<size_t>(stop)]);
    for (const auto& [prefix, outs] : second.outs) {
      for (size_t i = 0; i < outs.size(); ++i)
        EXPECT_TRUE(outs[i].equal(whole.outs.at(prefix)[i])) << prefix;
    }
  }
}

TEST(LayerSweep, SeesWhatTheWholeModelSees) {
  const TempFolder folder;
  HfModel model = Model(5);
  const std::vector<Example> rows = Rows(5);
  const Everything all = SeenOneByOne(model, rows);
  SweepOptions options;
  options.micro_batch = 1;
  options.compute = at::kDouble;
  options.folder = folder.File("s");
  Stopper sweep(100);
  ASSERT_TRUE(SweepLayers(model.config, model.weights, rows, options, sweep).ok());
  ASSERT_EQ(sweep.outs.size(), 4U) << "the encoder was not asked for";
  for (const auto& [prefix, outs] : sweep.outs) {
    for (size_t i = 0; i < outs.size(); ++i)  // states lie in fp32 between layers
      EXPECT_LT(Difference(outs[i], all.seen.at(prefix)[i].out_btd), 1e-5) << prefix;
  }
}

ConvertConfig How(const std::string& method, const Json& heads) {
  ConvertConfig how;
  how.method = method;
  how.kv_heads = heads;
  return how;
}

double Damage(const std::vector<OutputDamage>& damages, bool refined) {
  double sum = 0;
  for (const OutputDamage& damage : damages) sum += refined ? damage.refined : damage.merged;
  return sum / static_cast<double>(damages.size());
}

class RefineTest : public ::testing::Test {
 protected:
  RefineTest() : calibration_(MustCalibrate(Request(model_, Rows(48), folder_.File("c")))) {}

  std::vector<OutputDamage> Refined(const std::string& method, const Json& heads,
                                    const RefineConfig& config, Conversion* kept = nullptr) {
    auto merged =
        Regroup(model_.config, model_.weights, How(method, heads), &calibration_.statistics);
    REGROUP_CHECK(merged.ok(), std::string(merged.status().message()));
    RefineRequest request;
    request.parent = &model_;
    request.calibration = &calibration_;
    request.config = config;
    request.folder = folder_.File("states");
    const auto damages = Refine(request, *merged);
    REGROUP_CHECK(damages.ok(), std::string(damages.status().message()));
    EXPECT_FALSE(FolderExists(request.folder));
    if (kept != nullptr) *kept = *merged;
    return *damages;
  }

  TempFolder folder_;
  HfModel model_ = Model(6);
  Calibration calibration_;
};

TEST_F(RefineTest, MeasuresTheDamageAndChangesNothingUnlessAsked) {
  Conversion kept;
  const auto mean = Refined("mean", 1, {}, &kept);
  ASSERT_EQ(mean.size(), 4U);
  EXPECT_EQ(mean[0].prefix, DecoderSelfPrefix(0));
  EXPECT_EQ(mean[1].prefix, CrossPrefix(0));
  for (const OutputDamage& damage : mean) EXPECT_EQ(damage.merged, damage.refined);
  const auto plain = Regroup(model_.config, model_.weights, How("mean", 1));
  for (const auto& [name, tensor] : plain->weights)
    EXPECT_TRUE(kept.weights.at(name).equal(tensor)) << name;
  // Less is shared, less is lost; a method that weighs loses least.
  EXPECT_GT(Damage(mean, false), Damage(Refined("mean", 2, {}), false));
  EXPECT_GT(Damage(Refined("svd", 1, {}), false), Damage(Refined("covariance_svd", 1, {}), false));
  EXPECT_TRUE(Refined("mean", 4, {}).empty());
}

TEST_F(RefineTest, RefitNeverRaisesTheErrorOfAnyMethod) {
  RefineConfig refit;
  refit.refit = true;
  for (const std::string& method : MergeMethodNames()) {
    for (const OutputDamage& damage : Refined(method, 1, refit))
      EXPECT_LE(damage.refined, damage.merged) << method << damage.prefix;
  }
}

TEST_F(RefineTest, LocalDistillationWinsBackMoreAndFollowsTheSeed) {
  RefineConfig refit, distil;
  refit.refit = distil.refit = true;
  distil.local_distillation = {60, 16, 3e-3};
  Conversion one, same;
  const double refitted = Damage(Refined("mean", 1, refit), true);
  const double distilled = Damage(Refined("mean", 1, distil, &one), true);
  EXPECT_LT(distilled, 0.95 * refitted);
  Refined("mean", 1, distil, &same);
  for (const auto& [name, tensor] : one.weights)
    EXPECT_TRUE(same.weights.at(name).equal(tensor)) << name;
}

TEST_F(RefineTest, AGaugeOfTheParentChangesNothingInTheWeightedMerge) {
  HfModel turned = model_;
  const at::Tensor a = at::eye(4) + 0.3 * at::ones({4, 4}).triu(1);
  for (const std::string& prefix : {DecoderSelfPrefix(0), CrossPrefix(1)}) {
    at::Tensor &k = turned.weights.at(prefix + ".k.weight"),
               &q = turned.weights.at(prefix + ".q.weight");
    k = at::matmul(a, k.unflatten(0, {4, 4})).flatten(0, 1);
    q = at::matmul(at::linalg_inv(a).t(), q.unflatten(0, {4, 4})).flatten(0, 1);
  }
  const Calibration other = MustCalibrate(Request(turned, Rows(48), folder_.File("turned")));
  const auto merge = [](const HfModel& model, const Statistics& statistics) {
    return *Regroup(model.config, model.weights, How("covariance_svd", 1), &statistics);
  };
  const Conversion one = merge(model_, calibration_.statistics),
                   two = merge(turned, other.statistics);
  const std::string q = CrossPrefix(1) + ".q.weight", k = CrossPrefix(1) + ".k.weight";
  const auto form = [&](const Conversion& c) {
    return at::matmul(c.weights.at(q).unflatten(0, {4, 4}).transpose(1, 2), c.weights.at(k));
  };
  EXPECT_LT(Difference(form(one), form(two)), 2e-3);  // the ridge of 1e-4 is not turned along
  EXPECT_GT(Difference(model_.weights.at(k), turned.weights.at(k)), 0.05) << "the control";
}

TEST(Calibration, RefusesWhatIsNotItsOwn) {
  const TempFolder folder;
  const HfModel model = Model(7);
  const auto error = [&](const absl::Status& status) {
    EXPECT_EQ(ExitCode(status), 2);
    return std::string(status.message());
  };
  EXPECT_THAT(error(LoadCalibration(folder.File("none")).status()), HasSubstr("no such folder"));
  EXPECT_THAT(error(LoadCalibration(folder.path()).status()), HasSubstr("no calibration.json"));
  std::filesystem::create_directory(folder.File("full"));
  ASSERT_TRUE(WriteFileAtomically(folder.File("full/x"), "x").ok());
  CalibrationRequest request = Request(model, Rows(4), folder.File("full"));
  EXPECT_THAT(error(Calibrate(request).status()), HasSubstr("not empty"));
  request.folder = folder.File("c");
  const Calibration made = MustCalibrate(request);
  request.rows = Rows(5);
  EXPECT_THAT(error(Calibrate(request).status()), HasSubstr("something else"));
  EXPECT_TRUE(CheckCalibratedOn(made, HashWeights(model.weights), "m").ok());
  EXPECT_THAT(error(CheckCalibratedOn(made, HashWeights(Model(8).weights), "m")),
              HasSubstr("another model"));
  const std::string file = folder.File("c/statistics/decoder.block.1.safetensors");
  ASSERT_TRUE(WriteFileAtomically(file, "damaged").ok());
  EXPECT_THAT(error(LoadCalibration(request.folder).status()), HasSubstr("decoder.block.1"));
}

}  // namespace
}  // namespace regroup
