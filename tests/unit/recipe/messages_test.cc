// Each class of error, with its place: what a person reads.
#include <gmock/gmock.h>

#include "recipe_fixture.h"

namespace regroup {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A recipe that is right; tests add lines.
constexpr char kHead[] =
    "name: t\n"
    "tokenizer: {path: tok}\n"
    "corpora: {prose: {files: a.txt, format: text}}\n"
    "stages:\n";
std::string With(const std::string& stages) { return absl::StrCat(kHead, stages); }

class RecipeMessages : public RecipeFiles {};

TEST_F(RecipeMessages, ARightRecipeHasNone) {
  EXPECT_THAT(Messages(With("  p: {pretrain: {steps: 5}}\n")), IsEmpty());
}

TEST_F(RecipeMessages, AllProblemsAreReportedAtOnceWithTheirLines) {
  const auto found =
      Messages(With("  p:\n"
                    "    pretrain:\n"
                    "      stpes: 5\n"
                    "      batch: {examples: many}\n"
                    "      data: {noise_density: 2}\n"));
  EXPECT_THAT(
      found,
      ElementsAre(
          "r.yaml:7: stages.p.pretrain: the required key \"steps\" is missing (optimizer steps)",
          "r.yaml:7: stages.p.pretrain.stpes: unknown key (did you mean \"steps\"?)",
          "r.yaml:8: stages.p.pretrain.batch.examples: found \"many\", expected a whole number, "
          "for instance 800, 50k steps or 10 GB",
          "r.yaml:9: stages.p.pretrain.data.noise_density: found \"2\", expected between 0.001 and "
          "0.999"))
      << ::testing::PrintToString(found);
}

TEST_F(RecipeMessages, AnUnknownKeyNamesTheSectionWhereItWouldBeValid) {
  EXPECT_THAT(
      Messages(With("  p: {pretrain: {steps: 5, micro_batch: 8}}\n")),
      ElementsAre(AllOf(StartsWith("r.yaml:5: stages.p.pretrain.micro_batch: unknown key"),
                        HasSubstr("\"micro_batch\" is a key of stages.<name>.pretrain.batch"))));
}

TEST_F(RecipeMessages, ADuplicateKeyNamesBothLines) {
  EXPECT_THAT(
      Messages(With("  p: {pretrain: {steps: 5}}\nname: again\n")),
      ElementsAre(
          "r.yaml:6: the key \"name\" stands twice in this section (first in line 1); keep one"));
}

TEST_F(RecipeMessages, ASecondDocumentIsRefused) {
  EXPECT_THAT(Messages(With("  p: {pretrain: {steps: 5}}\n---\nname: b\n")),
              ElementsAre(AllOf(StartsWith("r.yaml:7:"), HasSubstr("second YAML document"))));
}

TEST_F(RecipeMessages, ATabIsNamedWithItsLine) {
  EXPECT_THAT(Messages(With("  p:\n\tpretrain: {steps: 5}\n")),
              Contains(StartsWith("r.yaml:6: a tab in the indentation")));
}

TEST_F(RecipeMessages, BrokenSyntaxIsNamedWithItsLine) {
  EXPECT_THAT(Messages(With("  p: {pretrain: {steps: 5\n")), Contains(HasSubstr("not valid YAML")));
}

TEST_F(RecipeMessages, AnAliasBombIsRefusedWithoutExpandingIt) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [");
    for (int k = 0; k < 10; ++k) absl::StrAppend(&bomb, k == 0 ? "" : ", ", "*a", i - 1);
    absl::StrAppend(&bomb, "]\n");
  }
  EXPECT_THAT(Messages(bomb), Contains(HasSubstr("more than 20000 values")));
}

TEST_F(RecipeMessages, AnchorsInAnchorsAreCountedAsTheCopiesThatTheyAre) {
  std::string nested;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&nested, "&a", i, " [");
  for (int i = 0; i < 1000; ++i) nested += "x, ";
  EXPECT_THAT(Messages("name: " + nested + std::string(100, ']')),
              Contains(HasSubstr("more than 20000 values")));
}

TEST_F(RecipeMessages, AliasesOfLongTextAreCounted) {
  std::string text = absl::StrCat("a: &a ", std::string(100000, 'x'), "\nb: [");
  for (int i = 0; i < 1000; ++i) text += "*a, ";
  EXPECT_THAT(Messages(text + "]\n"), Contains(HasSubstr("or 16 MiB of text")));
}

TEST_F(RecipeMessages, VariantsThatMultiplyBeyondMeasureAreRefused) {
  std::string variables = "for_each:\n", name;
  for (const char v : std::string("abcdefgh")) {
    absl::StrAppend(&variables, "  ", std::string(1, v), ": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n");
    absl::StrAppend(&name, "{", std::string(1, v), "}");
  }
  EXPECT_THAT(
      Messages("name: n\n" + variables + "stages: {\"" + name + "\": {export: {from: ./x}}}\n"),
      Contains(HasSubstr("once stages are written for their variants")));
}

TEST_F(RecipeMessages, DefaultsThatMultiplyBeyondMeasureAreRefused) {
  std::string text = "name: n\ndefaults: {export: {";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, "k", i, ": 1, ");
  text += "}}\nstages:\n";
  for (int i = 0; i < 100; ++i) absl::StrAppend(&text, "  s", i, ": {export: {from: ./x}}\n");
  EXPECT_THAT(Messages(text), Contains(HasSubstr("once every stage has them")));
}

TEST_F(RecipeMessages, PartsThatIncludeEachOthersPartsAreCounted) {
  for (int i = 0; i < 40; ++i) {
    const std::string next = absl::StrCat("p", i + 1, ".yaml");
    Write(absl::StrCat("p", i, ".yaml"), absl::StrCat("include: [", next, ", ", next, "]\n"));
  }
  Write("p40.yaml", "seed: 1\n");
  EXPECT_THAT(Messages("include: [p0.yaml]\nname: n\n"),
              Contains(HasSubstr("more than 100 files are included")));
}

TEST_F(RecipeMessages, ALongFileIsNotRead) {
  EXPECT_THAT(Messages("name: " + std::string(2 << 20, 'x')),
              Contains(HasSubstr("has more than 1 MiB, expected a YAML file")));
}

TEST_F(RecipeMessages, OtherEncodingsAreNamedWithTheirLine) {
  EXPECT_THAT(Messages("name: a\nseed: \xff\n"),
              Contains(AllOf(StartsWith("r.yaml:2:"), HasSubstr("not valid UTF-8"))));
  EXPECT_THAT(Messages(std::string("n\0a\0m\0e\0", 8)), Contains(HasSubstr("not valid UTF-8")));
  EXPECT_THAT(Messages("name: a\n", {"corpora.\xff.files=a"}),
              Contains(HasSubstr("not valid UTF-8")));
}

TEST_F(RecipeMessages, AFileOfAnotherKindIsSaid) {
  EXPECT_THAT(Messages("<!DOCTYPE html>\n"),
              Contains(HasSubstr("not valid YAML: it is a web page")));
}

TEST_F(RecipeMessages, AnEmptyNameAndNoStagesAreErrors) {
  EXPECT_THAT(Messages("name: \"\"\nstages: {}\n"),
              AllOf(Contains(StartsWith("r.yaml:1: name: found \"\"")),
                    Contains(StartsWith("r.yaml:2: stages: is empty"))));
}

TEST_F(RecipeMessages, DeepNestingIsAnErrorNotACrash) {
  EXPECT_THAT(Messages("name: " + std::string(20000, '[')), Contains(HasSubstr("not valid YAML")));
}

TEST_F(RecipeMessages, AnIncludeCycleNamesItsFiles) {
  Write("a.yaml", "include: b.yaml\n");
  Write("b.yaml", "include: [a.yaml]\n");
  EXPECT_THAT(Messages("include: [a.yaml]\n" + With("  p: {pretrain: {steps: 5}}\n")),
              ElementsAre(AllOf(StartsWith("b.yaml:1: include: a cycle"),
                                HasSubstr("a.yaml includes b.yaml"))));
}

TEST_F(RecipeMessages, AMissingIncludeIsNamed) {
  EXPECT_THAT(Messages("include: [no.yaml]\n" + With("  p: {pretrain: {steps: 5}}\n")),
              ElementsAre(StartsWith("r.yaml:1: include: there is no file no.yaml")));
}

TEST_F(RecipeMessages, LaterPartsWinAndOwnKeysWinOverThem) {
  Write("a.yaml", "seed: 2\nprecision: bf16\ndevice: cpu\n");
  Write("b.yaml", "seed: 3\nprecision: fp32\n");
  const LoadedRecipe loaded = LoadRecipe(Write("r.yaml", "include: [a.yaml, b.yaml]\nseed: 4\n" +
                                                             With("  p: {pretrain: {steps: 5}}\n")),
                                         {});
  EXPECT_EQ(loaded.recipe.head.seed, 4u);
  EXPECT_EQ(loaded.recipe.head.precision, "fp32");
  EXPECT_EQ(loaded.recipe.head.device, "cpu");
}

TEST_F(RecipeMessages, AReferenceToNothingSuggestsTheNearestStage) {
  EXPECT_THAT(
      Messages(
          With("  parent: {pretrain: {steps: 5}}\n  up: {uptrain: {from: parnt, alpha: 5%}}\n")),
      ElementsAre(AllOf(StartsWith("r.yaml:6: stages.up.uptrain.from: there is no stage \"parnt\""),
                        HasSubstr("did you mean \"parent\""))));
}

TEST_F(RecipeMessages, ACycleOfStagesIsAProblem) {
  EXPECT_THAT(Messages(With(
                  "  a: {uptrain: {from: b, alpha: 5%}}\n  b: {uptrain: {from: a, alpha: 5%}}\n")),
              ElementsAre(HasSubstr("stages.a: stages need each other in a circle"),
                          HasSubstr("stages.b: stages need")));
}

TEST_F(RecipeMessages, TheWrongKindOfStageIsAProblem) {
  EXPECT_THAT(Messages(With("  p: {pretrain: {steps: 5}}\n  t: {compare: {rows: [p]}}\n")),
              ElementsAre(HasSubstr("the stage \"p\" is of kind pretrain, expected evaluate")));
  EXPECT_THAT(Messages(With("  p: {pretrian: {steps: 5}}\n")),
              Contains(HasSubstr("did you mean \"pretrain\"")));
}

TEST_F(RecipeMessages, OneFileForDevAndTestIsAProblem) {
  Write("t.yaml", "{name: t, input: \"{a}\", target: \"{b}\", metrics: [bleu]}\n");
  EXPECT_THAT(Messages("tasks: {t: {task: t.yaml, train: a, dev: b, test: b}}\n" +
                       With("  p: {pretrain: {steps: 5}}\n")),
              ElementsAre(HasSubstr("dev and test are one file: b")));
}

TEST_F(RecipeMessages, ProblemsOfATaskFileNameThatFile) {
  Write("t.yaml", "name: t\ninput: \"{a}\"\ntarget: \"{b}\"\nmetrics: [blue]\n");
  EXPECT_THAT(Messages("tasks: {t: {task: t.yaml}}\n" + With("  p: {pretrain: {steps: 5}}\n")),
              ElementsAre(AllOf(StartsWith("t.yaml:4: metrics: found \"blue\""),
                                HasSubstr("did you mean \"bleu\""))));
}

TEST_F(RecipeMessages, AHeldOutCorpusThatIsTrainedOnIsAProblem) {
  EXPECT_THAT(
      Messages(With(
          "  p: {pretrain: {steps: 5, data: {mixture: {prose: 1}}, validate: {corpus: prose}}}\n")),
      ElementsAre(HasSubstr("is also trained on")));
}

TEST_F(RecipeMessages, MicroBatchMustDivideTheBatch) {
  EXPECT_THAT(Messages(With("  p: {pretrain: {steps: 5, batch: {examples: 8, micro_batch: 3}}}\n")),
              ElementsAre(HasSubstr("expected a divisor of examples (8)")));
}

TEST_F(RecipeMessages, PlaceholdersWithoutQuotesGetAHint) {
  EXPECT_THAT(
      Messages(
          "for_each: {v: {a: {}}}\n" +
          With("  p: {pretrain: {steps: 5}}\n  \"{v}\": {convert: {from: {v}, kv_heads: 1}}\n")),
      Contains(HasSubstr("a placeholder needs quotes: \"{v}\"")));
}

TEST_F(RecipeMessages, UndeclaredUnboundAndUnusedVariablesAreProblems) {
  EXPECT_THAT(
      Messages("for_each: {variant: {a: {g: 1}}}\n" +
               With("  p: {pretrain: {steps: 5}}\n  c: {convert: {from: p, kv_heads: "
                    "\"{varian.g}\"}}\n")),
      AllOf(Contains(HasSubstr("is not declared under for_each (did you mean \"variant\"?)")),
            Contains(HasSubstr("has no effect"))));
  EXPECT_THAT(
      Messages(
          "for_each: {v: {a: {g: 1}}}\n" +
          With("  p: {pretrain: {steps: 5}}\n  c: {convert: {from: p, kv_heads: \"{v.g}\"}}\n")),
      Contains(HasSubstr("the stage's name does not hold {v}")));
  EXPECT_THAT(Messages("for_each: {v: {a: {g: 1}}}\n" +
                       With("  p: {pretrain: {steps: 5}}\n  \"{v}\": {convert: {from: p, kv_heads: "
                            "\"{v.h}\"}}\n")),
              Contains(HasSubstr("the variant a has no field \"h\"")));
}

TEST_F(RecipeMessages, AKeyThatWouldHaveNoEffectIsAProblem) {
  EXPECT_THAT(
      Messages(With("  p: {pretrain: {steps: 5, optimizer: {name: adafactor, beta1: 0.5}}}\n")),
      ElementsAre(AllOf(StartsWith("r.yaml:5: stages.p.pretrain.optimizer.beta1: has no effect"),
                        HasSubstr("name: adafactor"), HasSubstr("it acts with adamw"))));
  EXPECT_THAT(Messages(With("  p: {pretrain: {steps: 5, optimizer: {name: adamw, beta1: 0.5}}}\n")),
              IsEmpty());
}

TEST_F(RecipeMessages, DefaultsAreCheckedLikeStages) {
  const std::string stage = "  p: {pretrain: {steps: 5}}\n";
  EXPECT_THAT(Messages(With(stage + "defaults: [1]\n")),
              ElementsAre(HasSubstr("defaults: found a list")));
  EXPECT_THAT(Messages(With(stage + "defaults: {pretrain: 3}\n")),
              ElementsAre(HasSubstr("defaults.pretrain: found \"3\"")));
  EXPECT_THAT(Messages(With(stage + "defaults: {export: {to: x}}\n")),
              ElementsAre(HasSubstr("no stage is of the kind export")));
  EXPECT_THAT(Messages(With(stage + "defaults: {pretrain: {stpes: 5}}\n")),
              ElementsAre(HasSubstr("did you mean \"steps\"")));
}

TEST_F(RecipeMessages, ForEachMustBeASection) {
  for (const char* value : {"[1]", "[a, b]", "3"}) {
    EXPECT_THAT(
        Messages(With(absl::StrCat("  p: {pretrain: {steps: 5}}\nfor_each: ", value, "\n"))),
        ElementsAre(HasSubstr("for_each: found")))
        << value;
  }
}

TEST_F(RecipeMessages, AFolderUnderFromIsRelativeToTheRecipe) {
  Write("r.yaml", "name: t\nstages: {c: {convert: {from: ./base, kv_heads: 2}}}\n");
  const LoadedRecipe loaded = LoadRecipe(Path("r.yaml"), {});
  EXPECT_EQ(loaded.problems.ToStatus(), absl::OkStatus());
  EXPECT_EQ(loaded.recipe.Find("c")->As<ConvertStage>().from, Path("base"));
}

TEST_F(RecipeMessages, AMetricOptionOfNoMetricOfTheTaskIsAProblem) {
  Write("t.yaml",
        "name: t\ninput: \"{a}\"\ntarget: \"{b}\"\nmetrics: [rouge]\n"
        "metric_options: {tokenize: intl, stemmer: true}\n");
  Problems problems;
  ReadTaskFile(Path("t.yaml"), problems);
  ASSERT_EQ(problems.list().size(), 1u);
  EXPECT_THAT(problems.list()[0].place, HasSubstr("t.yaml:5: metric_options.tokenize"));
  EXPECT_THAT(problems.list()[0].message, HasSubstr("option of bleu"));
}

TEST_F(RecipeMessages, FieldsOfATaskThatCannotActAreProblems) {
  Write("t.yaml",
        "name: t\ninput: \"{context} {question}\"\ntarget: \"{b}\"\nmetrics: [squad]\n"
        "window: context\nfields: {booleans: [\"yes\"]}\n");
  Problems problems;
  ReadTaskFile(Path("t.yaml"), problems);
  ASSERT_EQ(problems.list().size(), 2U);
  EXPECT_THAT(problems.list()[0].place, HasSubstr("t.yaml:6: fields.booleans"));
  EXPECT_THAT(problems.list()[1].place, HasSubstr("t.yaml:5: window"));
  EXPECT_THAT(problems.list()[1].message,
              HasSubstr("names context, expected the field with which input ends"));
  Write("t.yaml", "name: t\ninput: \"{a}\"\ntarget: \"{b}\"\nmetrics: [squad]\nevidence: there\n");
  Problems other;
  ReadTaskFile(Path("t.yaml"), other);
  ASSERT_EQ(other.list().size(), 1U);
  EXPECT_THAT(other.list()[0].message, HasSubstr("has no effect"));
}

TEST_F(RecipeMessages, SetSaysWhatItCannotDo) {
  EXPECT_THAT(Messages(With("  p: {pretrain: {steps: 5}}\n"), {"stages.q.pretrain.steps=5"}),
              ElementsAre(HasSubstr("there is no stage \"q\"")));
  EXPECT_THAT(Messages(With("  p: {pretrain: {steps: 5}}\n"), {"seed"}),
              ElementsAre(HasSubstr("expected key.path=value")));
  EXPECT_THAT(Messages(With("  p: {pretrain: {steps: 5}}\n"), {"seed=x"}),
              ElementsAre(StartsWith("--set seed: seed: found \"x\"")));
}

TEST_F(RecipeMessages, AMissingRecipeIsNamed) {
  EXPECT_THAT(LoadRecipe("no/such.yaml", {}).problems.ToStatus().message(),
              HasSubstr("no/such.yaml: there is no such recipe"));
}

TEST_F(RecipeMessages, AnEmptyFileIsNotACrash) {
  EXPECT_THAT(Messages(""), Contains(HasSubstr("\"name\" is missing")));
}

}  // namespace
}  // namespace regroup
