// Which K/V heads a conversion may ask for, and the words for what it may not.
#include "convert/convert_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace regroup {
namespace {

using ::testing::HasSubstr;

T5Config Source() {
  T5Config config;
  config.num_heads = 8;
  config.num_layers = 1;
  config.num_decoder_layers = 2;
  config.SetMultiHead();
  return config;
}

ConvertConfig Wanting(const Json& kv_heads) {
  ConvertConfig config;
  config.kv_heads = kv_heads;
  return config;
}

std::string Refusal(const T5Config& source, const ConvertConfig& config) {
  const auto target = TargetKvHeads(source, config);
  EXPECT_EQ(ExitCode(target.status()), 2);
  return std::string(target.status().message());
}

TEST(KvHeadsFlag, TakesANumberOrSites) {
  EXPECT_EQ(ParseKvHeadsFlag("4").value(), Json(4));
  EXPECT_EQ(ParseKvHeadsFlag("decoder_self=4,cross=2").value(),
            (Json{{"decoder_self", 4}, {"cross", 2}}));
}

TEST(KvHeadsFlag, SaysWhatItCannotRead) {
  EXPECT_THAT(std::string(ParseKvHeadsFlag("four").status().message()),
              HasSubstr("for example decoder_self=4,cross=2"));
  EXPECT_THAT(std::string(ParseKvHeadsFlag("cros=4").status().message()),
              HasSubstr("did you mean \"cross\""));
  EXPECT_THAT(std::string(ParseKvHeadsFlag("cross=4,cross=2").status().message()),
              HasSubstr("twice"));
  for (const char* bad : {"", "cross=", "=2", "cross=2,", "4.0"}) {
    EXPECT_EQ(ExitCode(ParseKvHeadsFlag(bad).status()), 2) << bad;
  }
}

TEST(TargetKvHeads, ConvertsTheNamedSitesAndKeepsTheOthers) {
  EXPECT_EQ(TargetKvHeads(Source(), Wanting(2)).value(), (KvHeads{{8}, {2, 2}, {2, 2}}));
  EXPECT_EQ(TargetKvHeads(Source(), Wanting({{"cross", {1, 4}}})).value(),
            (KvHeads{{8}, {8, 8}, {1, 4}}));
  ConvertConfig everywhere = Wanting(4);
  everywhere.sites = {"encoder_self", "decoder_self", "cross"};
  EXPECT_EQ(TargetKvHeads(Source(), everywhere).value(), (KvHeads{{4}, {4, 4}, {4, 4}}));
}

TEST(TargetKvHeads, AGroupedSourceMayBeGroupedFurther) {
  T5Config source = Source();
  source.kv_heads.decoder_self = source.kv_heads.cross = {4, 4};
  EXPECT_EQ(TargetKvHeads(source, Wanting(2)).value(), (KvHeads{{8}, {2, 2}, {2, 2}}));
  EXPECT_THAT(Refusal(source, Wanting(8)), HasSubstr("the source has 4 K/V heads"));
}

TEST(TargetKvHeads, RefusesWhatCannotBe) {
  EXPECT_THAT(Refusal(Source(), Wanting(3)), HasSubstr("does not divide the source's 8 K/V heads"));
  EXPECT_THAT(Refusal(Source(), Wanting(16)), HasSubstr("at most that"));
  EXPECT_THAT(Refusal(Source(), Wanting(0)), HasSubstr("at least 1"));
  EXPECT_THAT(Refusal(Source(), Wanting("4")), HasSubstr("whole number"));
  EXPECT_THAT(Refusal(Source(), Wanting({{"cross", {1, 1, 1}}})),
              HasSubstr("expected 2 numbers, one per layer"));
  EXPECT_THAT(Refusal(Source(), Wanting({{"cross", {1, 3}}})), HasSubstr("kv_heads.cross[1]"));
  EXPECT_THAT(Refusal(Source(), Wanting({{"crss", 1}})), HasSubstr("did you mean \"cross\""));
  EXPECT_THAT(Refusal(Source(), Wanting({{"encoder_self", 1}})), HasSubstr("not among the sites"));
  ConvertConfig config = Wanting(1);
  config.sites = {"decoder"};
  EXPECT_THAT(Refusal(Source(), config), HasSubstr("unknown site \"decoder\""));
  config.sites = {"cross", "cross"};
  EXPECT_THAT(Refusal(Source(), config), HasSubstr("cross is named twice"));
  config.sites = {};
  EXPECT_THAT(Refusal(Source(), config), HasSubstr("at least one"));
}

}  // namespace
}  // namespace regroup
