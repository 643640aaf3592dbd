// Hugging Face folders: what is read, what is refused and by which words.
#include "checkpoint/hf_folder.h"

#include <gmock/gmock.h>

#include "checkpoint/folder_target.h"
#include "checkpoint/tensor_file.h"
#include "tiny_models.h"

namespace regroup {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class HfFolder : public FolderTest {
 protected:
  // Writes tensors by hand beside an existing config.json.
  void WriteTensors(const std::string& folder, const StateDict& tensors) {
    ASSERT_TRUE(WriteTensorFile(JoinPath(folder, "model.safetensors"), tensors).ok());
  }
};

TEST_F(HfFolder, ComesBackAsItWasSaved) {
  for (const bool tied : {true, false}) {
    for (const auto dtype : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
      const T5Config config = TinyConfig(tied);
      StateDict weights = InitializeWeights(config, 1);
      for (auto& [name, tensor] : weights) tensor = tensor.to(dtype);
      const std::string folder = Path("model_" + TorchDtypeName(dtype) + (tied ? "_tied" : ""));
      WriteModel(folder, config, weights);
      const auto loaded = LoadHfFolder(folder);
      ASSERT_TRUE(loaded.ok()) << loaded.status();
      EXPECT_EQ(loaded->config, config);
      EXPECT_EQ(HashWeights(loaded->weights), HashWeights(weights));
      EXPECT_EQ(LoadHfConfig(folder).value(), config);
    }
  }
}

TEST_F(HfFolder, EveryTensorKeepsItsOwnType) {
  const T5Config config = TinyConfig();
  StateDict weights = InitializeWeights(config, 10);
  const at::ScalarType types[] = {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16};
  int turn = 0;
  for (auto& [name, tensor] : weights) tensor = tensor.to(types[turn++ % 4]);
  WriteModel(Path("model"), config, weights);
  const HfModel loaded = LoadHfFolder(Path("model")).value();
  for (const auto& [name, tensor] : weights) {
    EXPECT_TRUE(SameBits(loaded.weights.at(name), tensor)) << name;
  }
}

TEST_F(HfFolder, SaveLoadSaveGivesTheSameBytes) {
  T5Config config = TinyConfig();
  config.kv_heads.decoder_self = {2, 1};
  WriteModel(Path("first"), config, InitializeWeights(config, 2));
  const auto loaded = LoadHfFolder(Path("first")).value();
  WriteModel(Path("second"), loaded.config, loaded.weights);
  for (const char* file : {"config.json", "generation_config.json", "model.safetensors"}) {
    EXPECT_EQ(ReadFile(JoinPath(Path("first"), file)).value(),
              ReadFile(JoinPath(Path("second"), file)).value())
        << file;
  }
}

// Writes `weights` in turn into two shards and their index; `map` may be changed before.
class HfShards : public HfFolder {
 protected:
  void SetUp() override {
    HfFolder::SetUp();
    weights_ = InitializeWeights(config_, 3);
    WriteModel(Path("model"), config_, weights_);
    std::filesystem::remove(Path("model/model.safetensors"));
    int turn = 0;
    for (const auto& [name, tensor] : weights_) {
      const int part = turn++ % 2;
      parts_[part][name] = tensor;
      map_[name] = Shard(part);
    }
  }

  static std::string Shard(int part) {
    return "model-0000" + std::to_string(part + 1) + "-of-00002.safetensors";
  }

  absl::StatusOr<HfModel> Load() {
    for (int part : {0, 1}) {
      const absl::Status written = WriteTensorFile(Path("model/" + Shard(part)), parts_[part]);
      EXPECT_TRUE(written.ok()) << written;
    }
    return LoadAgain();
  }

  absl::StatusOr<HfModel> LoadAgain() {
    std::ofstream(Path("model/model.safetensors.index.json")) << Json{{"weight_map", map_}}.dump();
    return LoadHfFolder(Path("model"));
  }

  T5Config config_ = TinyConfig();
  StateDict weights_;
  StateDict parts_[2];
  Json map_ = Json::object();
};

TEST_F(HfShards, AreReadThroughTheirIndex) {
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(HashWeights(loaded->weights), HashWeights(weights_));
  map_["shared.weight"] = "../elsewhere.safetensors";
  EXPECT_THAT(Message(LoadAgain().status()), HasSubstr("shared.weight"));
}

TEST_F(HfShards, EverythingWrongWithThemIsOneError) {
  const auto name = [this](int part, int number) {
    return std::next(parts_[part].begin(), number)->first;
  };
  const std::string twice = name(0, 0), unlisted = name(0, 1), moved = name(1, 2),
                    absent = name(1, 3), misshaped = name(1, 4);
  parts_[1][twice] = parts_[0][twice];
  map_.erase(unlisted);
  parts_[0][moved] = parts_[1][moved];
  parts_[1].erase(moved);
  parts_[1].erase(absent);
  parts_[1][misshaped] = at::zeros({3});
  parts_[1]["odd.weight"] = at::zeros({2});
  map_["odd.weight"] = Shard(1);
  map_["nowhere.weight"] = Shard(0);
  const absl::Status status = Load().status();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_THAT(
      Message(status),
      AllOf(HasSubstr("twice: " + twice + " is in " + Shard(0) + " and in " + Shard(1)),
            HasSubstr("not in the index: " + unlisted + " is in " + Shard(0)),
            HasSubstr("in another shard: " + moved + " is in " + Shard(0)),
            HasSubstr("not in its shard: " + absent + ", which the index places in " + Shard(1)),
            HasSubstr("not in its shard: nowhere.weight"),
            HasSubstr("wrong shape: " + misshaped + ": found [3]"),
            HasSubstr("left over: odd.weight [2]"), HasSubstr("(7)")));
}

TEST_F(HfShards, MissingAndTruncatedOnesAreNamedWithTheRest) {
  const std::string odd = parts_[0].begin()->first;
  parts_[0][odd] = at::zeros({3});
  ASSERT_TRUE(Load().status().message().find("wrong shape: " + odd) != absl::string_view::npos);
  const std::string count = "(" + std::to_string(parts_[1].size()) + " tensors): ";
  std::filesystem::resize_file(Path("model/" + Shard(1)), 500);
  EXPECT_THAT(
      Message(LoadAgain().status()),
      AllOf(HasSubstr("unreadable shard " + count), HasSubstr(Shard(1)),
            HasSubstr("it was cut off"), HasSubstr("wrong shape: " + odd), HasSubstr("(2)")));
  std::filesystem::remove(Path("model/" + Shard(1)));
  EXPECT_THAT(Message(LoadAgain().status()),
              AllOf(HasSubstr("unreadable shard " + count), HasSubstr("cannot open the file"),
                    HasSubstr("wrong shape: " + odd), HasSubstr("(2)")));
  std::filesystem::remove(Path("model/" + Shard(0)));
  EXPECT_THAT(Message(LoadAgain().status()), AllOf(HasSubstr(Shard(0)), HasSubstr(Shard(1))));
  EXPECT_EQ(ExitCode(LoadAgain().status()), 2);
  EXPECT_EQ(ExitCode(LoadHfConfig(Path("model")).status()), 2);
}

TEST_F(HfFolder, AliasesAndTheUnusedBiasAreNotLeftOvers) {
  const T5Config config = TinyConfig(true);
  StateDict weights = InitializeWeights(config, 4);
  WriteModel(Path("model"), config, weights);
  const std::string hash = HashWeights(weights);
  StateDict file = weights;
  file["encoder.embed_tokens.weight"] = weights["shared.weight"];
  file["decoder.embed_tokens.weight"] = weights["shared.weight"];
  file["lm_head.weight"] = weights["shared.weight"];
  file["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] =
      at::zeros({32, 4});
  WriteTensors(Path("model"), file);
  const auto loaded = LoadHfFolder(Path("model"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->config.tied_embeddings);
  EXPECT_EQ(HashWeights(loaded->weights), hash);

  file["decoder.embed_tokens.weight"] = weights["shared.weight"] + 1;
  WriteTensors(Path("model"), file);
  EXPECT_THAT(Message(LoadHfFolder(Path("model")).status()),
              HasSubstr("decoder.embed_tokens.weight: differs"));
}

TEST_F(HfFolder, NamesEveryMissingLeftOverAndMisshapedTensorInOneError) {
  const T5Config config = TinyConfig();
  StateDict weights = InitializeWeights(config, 5);
  WriteModel(Path("model"), config, weights);
  weights.erase("encoder.final_layer_norm.weight");
  weights.erase("decoder.block.1.layer.0.SelfAttention.q.weight");
  weights["decoder.block.0.layer.0.SelfAttention.k.weight"] = at::zeros({8, 16});
  weights["decoder.block.7.odd.weight"] = at::zeros({3});
  WriteTensors(Path("model"), weights);
  const absl::Status status = LoadHfFolder(Path("model")).status();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_THAT(
      Message(status),
      AllOf(HasSubstr("missing: encoder.final_layer_norm.weight [16]"),
            HasSubstr("missing: decoder.block.1.layer.0.SelfAttention.q.weight"),
            HasSubstr("SelfAttention.k.weight: found [8, 16], config.json expects [16, 16]"),
            HasSubstr("left over: decoder.block.7.odd.weight [3]"), HasSubstr("(4)")));
}

TEST_F(HfFolder, NamesAFolderOrALinkToNothingInTheWeightsPlace) {
  WriteModel(Path("model"), TinyConfig(), InitializeWeights(TinyConfig(), 5));
  const std::string weights = Path("model") + "/model.safetensors";
  std::filesystem::remove(weights);
  std::filesystem::create_directory(weights);
  EXPECT_THAT(Message(LoadHfFolder(Path("model")).status()), HasSubstr(weights + ": is a folder"));
  std::filesystem::remove(weights);
  std::filesystem::create_symlink("nowhere", weights);
  EXPECT_THAT(Message(LoadHfFolder(Path("model")).status()), HasSubstr(weights + ": cannot open"));
}

TEST_F(HfFolder, NamesTheTensorThatHoldsNanOrInfinity) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    for (const double poison :
         {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
      const T5Config config = TinyConfig();
      StateDict weights = InitializeWeights(config, 6);
      for (auto& [name, tensor] : weights) tensor = tensor.to(dtype);
      weights["decoder.block.1.layer.2.DenseReluDense.wo.weight"][3][5] = poison;
      const std::string folder = Path("model_" + TorchDtypeName(dtype) + std::to_string(poison));
      WriteModel(folder, config, weights);
      const absl::Status status = LoadHfFolder(folder).status();
      EXPECT_EQ(ExitCode(status), 2);
      EXPECT_THAT(Message(status), HasSubstr("decoder.block.1.layer.2.DenseReluDense.wo.weight"));
      EXPECT_THAT(Message(status), Not(HasSubstr("shared.weight")));
    }
  }
}

TEST_F(HfFolder, TheHeadTensorHasTheLastWordOnTying) {
  const T5Config untied = TinyConfig();
  WriteModel(Path("model"), untied, InitializeWeights(untied, 7));
  // As transformers 5 writes a T5 1.1.
  EditConfig(Path("model"), {{"tie_word_embeddings", true}, {"scale_decoder_outputs", false}});
  EXPECT_EQ(LoadHfFolder(Path("model")).value().config, untied);
  EXPECT_EQ(LoadHfConfig(Path("model")).value(), untied);
  // As transformers 4 writes it.
  EditConfig(Path("model"), {{"tie_word_embeddings", false}, {"scale_decoder_outputs", nullptr}});
  EXPECT_EQ(LoadHfFolder(Path("model")).value().config, untied);
  // No flag at all: the head is its own, the output is scaled.
  EditConfig(Path("model"), {{"tie_word_embeddings", nullptr}});
  const T5Config scaled = LoadHfFolder(Path("model")).value().config;
  EXPECT_FALSE(scaled.tied_embeddings);
  EXPECT_TRUE(scaled.scale_decoder_outputs);
}

TEST_F(HfFolder, AnUntiedConfigWithoutAHeadIsRefused) {
  const T5Config tied = TinyConfig(true);
  WriteModel(Path("model"), tied, InitializeWeights(tied, 8));
  EditConfig(Path("model"), {{"tie_word_embeddings", false}, {"scale_decoder_outputs", nullptr}});
  EXPECT_THAT(Message(LoadHfFolder(Path("model")).status()),
              HasSubstr("missing: lm_head.weight [40, 16]"));
}

TEST_F(HfFolder, AFolderWithoutWeightsOrWithABrokenPickleIsRefused) {
  std::ofstream(Path("config.json")) << T5ConfigToJson(TinyConfig(), "float32").dump();
  EXPECT_THAT(Message(LoadHfFolder(root_).status()),
              HasSubstr("no model.safetensors and no pytorch_model.bin"));
  std::ofstream(Path("pytorch_model.bin")) << "x";
  EXPECT_THAT(Message(LoadHfFolder(root_).status()), HasSubstr("no file that torch.save wrote"));
  EXPECT_EQ(ExitCode(LoadHfFolder(root_).status()), 2);
  EXPECT_THAT(Message(LoadHfFolder(Path("nothing")).status()), HasSubstr("no such folder"));
}

TEST_F(HfFolder, SafetensorsComeBeforePickledWeights) {
  const T5Config config = TinyConfig();
  WriteModel(Path("model"), config, InitializeWeights(config, 11));
  std::ofstream(Path("model/pytorch_model.bin")) << "x";
  EXPECT_TRUE(LoadHfFolder(Path("model")).ok());
}

TEST_F(HfFolder, IsWrittenOnlyWhereNothingIsLost) {
  const T5Config config = TinyConfig();
  const StateDict weights = InitializeWeights(config, 9);
  std::filesystem::create_directories(Path("empty"));
  EXPECT_TRUE(SaveHfFolder(Path("empty"), Saving(config, weights)).ok());
  EXPECT_TRUE(SaveHfFolder(Path("slash/"), Saving(config, weights)).ok());
  EXPECT_TRUE(FileExists(Path("slash/config.json")));
  std::ofstream(Path("file")) << "x";
  for (const char* taken : {"empty", "file"}) {
    EXPECT_EQ(ExitCode(SaveHfFolder(Path(taken), Saving(config, weights))), 2) << taken;
  }
  EXPECT_EQ(ExitCode(SaveHfFolder(Path("empty"), Saving(config, weights), true)), 2)
      << "not written by regroup";
  HfSave ours = Saving(config, weights);
  ours.provenance = {{"made", "here"}};
  ASSERT_TRUE(SaveHfFolder(Path("ours"), ours).ok());
  EXPECT_EQ(ExitCode(SaveHfFolder(Path("ours"), ours)), 2);
  ours.provenance = {{"made", "again"}};
  ASSERT_TRUE(SaveHfFolder(Path("ours"), ours, true).ok());
  EXPECT_EQ(LoadHfFolder(Path("ours")).value().provenance["made"], "again");
  EXPECT_THAT(ListFolder(root_).value(), ElementsAre("empty", "file", "ours", "slash"));
  ours.source_folder = Path("x/../ours");
  EXPECT_THAT(Message(SaveHfFolder(Path("ours"), ours, true)), HasSubstr("the source"));
  std::filesystem::create_directory_symlink(Path("ours"), Path("link"));
  EXPECT_EQ(ExitCode(CheckNewFolder(Path("link"), Path("ours"), true)), 2);
  EXPECT_EQ(ExitCode(CheckNewFolder(root_, Path("ours"), true)), 2) << "the source lies inside";
  EXPECT_TRUE(CheckNewFolder(Path("ours/below"), Path("ours"), false).ok());
}

TEST_F(HfFolder, APersonsPartialFolderIsLeftAlone) {
  const T5Config config = TinyConfig();
  const StateDict weights = InitializeWeights(config, 9);
  HfSave ours = Saving(config, weights);
  ours.provenance = {{"made", "here"}};
  for (const char* theirs : {"to.partial", "to.replacing.partial"}) {
    std::filesystem::create_directories(Path(theirs));
    std::ofstream(JoinPath(Path(theirs), "notes.txt")) << "mine";
  }
  ASSERT_TRUE(SaveHfFolder(Path("to"), ours).ok());
  ASSERT_TRUE(SaveHfFolder(Path("to"), ours, true).ok());
  EXPECT_TRUE(FileExists(Path("to.partial/notes.txt")));
  EXPECT_TRUE(FileExists(Path("to.replacing.partial/notes.txt")));
  EXPECT_THAT(ListFolder(root_).value(), ElementsAre("to", "to.partial", "to.replacing.partial"));
}

TEST_F(HfFolder, ALinkToAnEmptyFolderIsFollowedAndALinkToNothingIsNot) {
  const T5Config config = TinyConfig();
  const StateDict weights = InitializeWeights(config, 9);
  std::filesystem::create_directories(Path("disk/place"));
  std::filesystem::create_directory_symlink(Path("disk/place"), Path("link"));
  ASSERT_TRUE(SaveHfFolder(Path("link"), Saving(config, weights)).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(Path("link")));
  EXPECT_TRUE(FileExists(Path("disk/place/config.json")));
  std::filesystem::create_directory_symlink(Path("nowhere"), Path("dangling"));
  const absl::Status refused = SaveHfFolder(Path("dangling"), Saving(config, weights));
  EXPECT_EQ(ExitCode(refused), 2);
  EXPECT_THAT(Message(refused), HasSubstr("is a link to"));
}

TEST_F(HfFolder, APlaceWhereNoFolderCanBeMadeIsRefusedBeforeAnyWork) {
  std::ofstream(Path("file")) << "x";
  EXPECT_THAT(Message(CheckNewFolder(Path("file/below"), "", false)), HasSubstr("is a file"));
  EXPECT_EQ(ExitCode(CheckNewFolder("/proc/regroup", "", false)), 2);
  EXPECT_TRUE(CheckNewFolder(Path("a/b/c"), "", false).ok());
  EXPECT_THAT(Message(CheckNewFolder(".", "", false)), HasSubstr("in which this runs"));
  EXPECT_THAT(ListFolder(root_).value(), ElementsAre("file"));
}

}  // namespace
}  // namespace regroup
