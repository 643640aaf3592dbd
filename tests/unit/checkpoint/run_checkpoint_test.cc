// Training checkpoints: what damage is seen, what is taken instead, what is kept.
#include "checkpoint/run_checkpoint.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "checkpoint/inspect_checkpoint.h"
#include "checkpoint/tensor_file.h"
#include "tiny_models.h"

namespace regroup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RunCheckpoint MakeCheckpoint(int64_t step) {
  RunCheckpoint checkpoint;
  checkpoint.step = step;
  checkpoint.config = TinyConfig();
  checkpoint.weights = InitializeWeights(checkpoint.config, static_cast<uint64_t>(step));
  checkpoint.optimizer = {{"vr/shared.weight", at::rand({40})},
                          {"step/shared.weight", at::scalar_tensor(step, at::kLong)}};
  checkpoint.progress = {{"position", step * 8}, {"loss", 0.1}};
  checkpoint.provenance = {{"stage", "test"}};
  return checkpoint;
}

class RunCheckpoints : public FolderTest {
 protected:
  void Save(int64_t step) {
    const absl::Status saved = SaveRunCheckpoint(root_, MakeCheckpoint(step), nullptr);
    ASSERT_TRUE(saved.ok()) << saved;
  }
  // The step that would be resumed from, -1 if none; `warnings_` is what was said meanwhile.
  int64_t Newest() {
    ::testing::internal::CaptureStderr();
    const auto newest = LoadNewestGood(root_);
    warnings_ = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(newest.ok()) << newest.status();
    return newest->has_value() ? (*newest)->step : -1;
  }
  std::string warnings_;
};

TEST_F(RunCheckpoints, ComeBackBitForBit) {
  const RunCheckpoint saved = MakeCheckpoint(12000);
  ASSERT_TRUE(SaveRunCheckpoint(root_, saved, nullptr).ok());
  const auto loaded = LoadRunCheckpoint(Path("step-00012000"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->step, 12000);
  EXPECT_EQ(loaded->config, saved.config);
  EXPECT_EQ(HashWeights(loaded->weights), HashWeights(saved.weights));
  EXPECT_EQ(HashWeights(loaded->optimizer), HashWeights(saved.optimizer));
  EXPECT_EQ(loaded->optimizer.at("step/shared.weight").dim(), 0);
  EXPECT_EQ(loaded->progress, saved.progress);
  EXPECT_EQ(loaded->provenance, saved.provenance);
}

TEST_F(RunCheckpoints, ATruncatedFileIsNamedAndTheOneBeforeIsTaken) {
  Save(1);
  Save(2);
  EXPECT_EQ(Newest(), 2);
  EXPECT_EQ(warnings_, "");
  const std::string file = Path("step-00000002/model.safetensors");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  EXPECT_EQ(Newest(), 1);
  EXPECT_THAT(warnings_, HasSubstr("step-00000002"));
  EXPECT_THAT(warnings_, HasSubstr("model.safetensors: found"));
}

TEST_F(RunCheckpoints, ADamagedCheckpointIsSetAsideSoThatRetentionKeepsGoodOnes) {
  Save(10);
  Save(20);
  const std::string file = Path("step-00000020/model.safetensors");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  EXPECT_EQ(Newest(), 10);
  EXPECT_TRUE(std::filesystem::exists(Path("step-00000020.damaged-1")));
  Save(15);
  ASSERT_TRUE(ApplyRetention(root_, Retention{.keep_last = 1, .keep_every = 0, .best = {}}).ok());
  EXPECT_EQ(Newest(), 15);
  EXPECT_TRUE(std::filesystem::exists(Path("step-00000020.damaged-1"))) << "never deleted";
}

TEST_F(RunCheckpoints, AFlippedByteIsSeenInEveryFile) {
  Save(1);
  Save(2);
  const std::vector<std::string> names = ListFolder(Path("step-00000002")).value();
  for (const std::string& name : names) {
    const std::string path = JoinPath(Path("step-00000002"), name);
    const std::string good = ReadFile(path).value();
    std::string bad = good;
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    std::ofstream(path, std::ios::binary) << bad;
    EXPECT_EQ(Newest(), 1) << name;
    EXPECT_THAT(warnings_, HasSubstr(name));
    std::filesystem::rename(Path("step-00000002.damaged-1"), Path("step-00000002"));
    std::ofstream(path, std::ios::binary) << good;
    EXPECT_EQ(Newest(), 2) << name;
  }
}

TEST_F(RunCheckpoints, AMissingFileOrManifestIsSeen) {
  Save(1);
  Save(2);
  Save(3);
  std::filesystem::remove(Path("step-00000003/manifest.json"));
  std::filesystem::remove(Path("step-00000002/optimizer.safetensors"));
  EXPECT_EQ(Newest(), 1);
  EXPECT_THAT(warnings_, HasSubstr("manifest.json"));
  EXPECT_THAT(warnings_, HasSubstr("optimizer.safetensors: missing"));
  std::filesystem::remove_all(Path("step-00000001"));
  EXPECT_EQ(Newest(), -1);
}

TEST_F(RunCheckpoints, LeftoversOfAKilledSaveAreNeverTaken) {
  Save(1);
  std::filesystem::copy(Path("step-00000001"), Path("step-00000002.partial"));
  EXPECT_THAT(ListCheckpoints(root_), ElementsAre(1));
  EXPECT_EQ(Newest(), 1);
  Save(2);
  EXPECT_EQ(Newest(), 2);
  std::filesystem::create_directories(Path("step-00000009.partial"));
  std::filesystem::create_directories(Path("step-00000009.partial-4711-0"));
  ASSERT_TRUE(ApplyRetention(root_, {}).ok());
  EXPECT_THAT(ListFolder(root_).value(), ElementsAre("step-00000001", "step-00000002"));
}

TEST_F(RunCheckpoints, ADamagedCheckpointIsReplacedWhenItsStepIsReachedAgain) {
  Save(1);
  Save(2);
  std::filesystem::remove(Path("step-00000002/config.json"));
  EXPECT_EQ(Newest(), 1);
  Save(2);
  EXPECT_EQ(Newest(), 2);
}

TEST_F(RunCheckpoints, RetentionKeepsTheLastEveryKAndTheBest) {
  for (const int64_t step : {1, 2, 3, 4, 5, 6, 7}) Save(step);
  Retention retention;
  retention.keep_last = 2;
  retention.keep_every = 3;
  retention.best = {1};
  ASSERT_TRUE(ApplyRetention(root_, retention).ok());
  EXPECT_THAT(ListCheckpoints(root_), ElementsAre(1, 3, 6, 7));
}

// A child saves and deletes for ever; the parent kills it at many moments. Whatever the moment, the
// newest checkpoint that was finished can be loaded.
TEST_F(RunCheckpoints, AKillAtAnyMomentLeavesAGoodCheckpoint) {
  Save(1);
  int64_t reached = 1;
  for (int round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (int64_t step = reached + round % 2;;
           ++step) {  // every second round replaces a checkpoint first
        if (!SaveRunCheckpoint(root_, MakeCheckpoint(step), nullptr).ok() ||
            !ApplyRetention(root_, {}).ok())
          ::_exit(1);
      }
    }
    ::usleep(static_cast<useconds_t>(40000 + round * 30000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
    const int64_t newest = Newest();
    ASSERT_GE(newest, reached) << warnings_;
    EXPECT_EQ(warnings_, "");
    reached = newest;
  }
  EXPECT_GT(reached, 1);
}

TEST_F(RunCheckpoints, InspectionSaysWhatIsInside) {
  RunCheckpoint checkpoint = MakeCheckpoint(5);
  checkpoint.config.kv_heads.cross = {1, 2};
  checkpoint.weights = InitializeWeights(checkpoint.config, 1);
  ASSERT_TRUE(SaveRunCheckpoint(root_, checkpoint, nullptr).ok());
  const auto json = InspectCheckpoint(Path("step-00000005"));
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ((*json)["kind"], "training checkpoint");
  EXPECT_EQ((*json)["step"], 5);
  EXPECT_EQ((*json)["kv_heads"]["cross"].dump(), "[1,2]");
  EXPECT_EQ((*json)["kv_bytes_per_position"]["cross"], 2 * (1 + 2) * 4 * 4);
  int64_t parameters = 0;
  for (const auto& [name, tensor] : checkpoint.weights) parameters += tensor.numel();
  EXPECT_EQ((*json)["parameters"], parameters);
  const std::string text = InspectionText(*json);
  EXPECT_THAT(text, HasSubstr("cross         1 2"));
  EXPECT_THAT(text, HasSubstr("no tokenizer"));
}

}  // namespace
}  // namespace regroup
