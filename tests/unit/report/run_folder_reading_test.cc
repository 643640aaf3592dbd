// Run folders as they are found: half-written, damaged, alive. And the screen of watch over them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "report/report_data.h"
#include "report/run_record.h"
#include "report/terminal_plot.h"
#include "report/watch_view.h"
#include "support/temp_folder.h"

namespace regroup {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRecipe[] =
    "name: tiny\nstages:\n"
    "  parent:\n    pretrain: {steps: 100}\n"
    "  gqa:\n    convert: {from: parent, kv_heads: 2}\n"
    "  gqa_up:\n    uptrain: {from: gqa, alpha: 0.05}\n";

struct Folder : TempFolder {
  Folder() {
    Write("recipe.yaml", kRecipe);
    Write("log.txt",
          "2026-01-31T10:00:00Z parent: pretrain\n2026-01-31T10:05:00Z a \x1B[2J line\n");
  }
  void Stage(const std::string& name, const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(File(name));
    Write(name + "/" + file, text);
  }
  RunRecord Read() const {
    auto run = ReadRun(path());
    EXPECT_TRUE(run.ok()) << run.status();
    ReadTraining(*run);
    return *std::move(run);
  }
};

std::string StepLine(int step, double loss, const std::string& more = "") {
  return absl::StrCat("{\"step\":", step, ",\"time\":", 1000 + step, ",\"loss\":", loss, more,
                      "}\n");
}

std::vector<std::string> Notes(const RunRecord& run) {
  std::vector<std::string> notes;
  for (const RunNote& note : run.notes) notes.push_back(note.place + ": " + note.message);
  return notes;
}

TEST(MetricsFile, ReadsOnWhereItEndedAndKeepsAHalfLineForLater) {
  const TempFolder folder;
  MetricsFile file(folder.File("metrics.jsonl"));
  file.Update();
  EXPECT_TRUE(file.log().steps.empty());
  folder.Write("metrics.jsonl", StepLine(10, 3, ",\"steps\":40") + "{\"step\":20,\"lo");
  file.Update();
  EXPECT_EQ(file.log().steps.size(), 1u);
  EXPECT_EQ(file.log().total_steps, 40);
  std::ofstream(folder.File("metrics.jsonl"), std::ios::app) << "ss\":2}\n" << StepLine(30, 1);
  file.Update();
  ASSERT_EQ(file.log().steps.size(), 3u);
  EXPECT_EQ(file.log().steps[1].loss, 2);
  EXPECT_EQ(file.log().unreadable_lines, 0);
}

TEST(MetricsFile, BeginsAnewWhereTheFileWasRewritten) {
  const TempFolder folder;
  MetricsFile file(folder.Write("metrics.jsonl", StepLine(10, 3) + StepLine(20, 2)));
  file.Update();
  folder.Write("other", StepLine(10, 5));
  std::filesystem::rename(folder.File("other"), folder.File("metrics.jsonl"));
  file.Update();
  ASSERT_EQ(file.log().steps.size(), 1u);
  EXPECT_EQ(file.log().steps[0].loss, 5);
}

TEST(MetricsFile, CountsWhatItCannotReadAndTakesTheLaterOfTwoLinesOfAStep) {
  const TempFolder folder;
  MetricsFile file(
      folder.Write("metrics.jsonl", StepLine(10, 3) + "garbage\n[1]\n{\"step\":\"x\"}\n" +
                                        StepLine(20, 2) + StepLine(10, 4) +
                                        "{\"step\":10,\"validation\":{\"a/b\":1,\"c\":null}}\n" +
                                        "{\"step\":30,\"loss\":null}\n{\"torn"));
  file.Finish();
  EXPECT_EQ(file.log().unreadable_lines, 4);
  ASSERT_EQ(file.log().steps.size(), 2u);
  EXPECT_EQ(file.log().steps[0].loss, 4);
  EXPECT_TRUE(std::isnan(file.log().steps[1].loss));
  EXPECT_EQ(file.log().validations[0].values.at("a/b"), 1);
  EXPECT_TRUE(std::isnan(file.log().validations[0].values.at("c")));
}

TEST(ReadRun, KnowsStagesThatAreDoneStoppedAndWaiting) {
  const Folder folder;
  folder.Stage("parent", "stage.json",
               "{\"kind\":\"pretrain\",\"config\":{\"steps\":100},\"seconds\":5,\"result\":{}}");
  folder.Stage("parent", "metrics.jsonl", StepLine(10, 3));
  folder.Stage("gqa", "started.json", "{\"kind\":\"convert\"}");
  const auto data = GatherReport({folder.path()});
  ASSERT_TRUE(data.ok()) << data.status();
  const RunRecord& run = data->runs[0].record;
  EXPECT_EQ(run.name, "tiny");
  EXPECT_EQ(run.begun, "2026-01-31T10:00:00Z");
  EXPECT_EQ(run.last_sign, "2026-01-31T10:05:00Z");
  ASSERT_EQ(run.stages.size(), 3u);
  EXPECT_EQ(run.stages[0].state, StageState::kDone);
  EXPECT_EQ(run.stages[0].seconds, 5);
  EXPECT_EQ(run.stages[1].state, StageState::kStopped);
  EXPECT_EQ(run.stages[2].state, StageState::kWaiting);
  EXPECT_EQ(run.stages[2].kind, "uptrain");
  EXPECT_THAT(Notes(run), Contains(HasSubstr("gqa: began and has not finished")));
  EXPECT_THAT(Notes(run), Contains("gqa_up: has not begun"));
}

TEST(ReadRun, NotesWhatIsDamagedAndGoesOn) {
  const Folder folder;
  folder.Stage("parent", "stage.json", "{\"kind\":\"pretr");
  folder.Stage("parent", "started.json", "{\"kind\":\"pretrain\",\"config\":{\"steps\":7}}");
  folder.Stage("parent", "metrics.jsonl", StepLine(10, 3) + "{\"torn");
  folder.Stage("gqa", "stage.json", "\xFF\xFE not json");
  folder.Stage("parent.old-1", "stage.json", "{}");
  folder.Write("environment.json", "[]");
  const RunRecord run = folder.Read();
  EXPECT_EQ(run.stages[0].config["steps"], 7);
  EXPECT_EQ(run.stages[0].log.steps.size(), 1u);
  EXPECT_EQ(run.stages[0].state, StageState::kDone);
  const auto notes = Notes(run);
  for (const char* part : {"parent/stage.json: the stage's result cannot be read",
                           "parent/metrics.jsonl: 1 of its lines cannot be read", "gqa/stage.json",
                           "parent.old-1: left out", "environment.json"}) {
    EXPECT_THAT(notes, Contains(HasSubstr(part)));
  }
}

TEST(ReadRun, WithoutARecipeTakesTheFoldersOfStages) {
  const Folder folder;
  std::filesystem::remove(folder.File("recipe.yaml"));
  folder.Stage("b", "stage.json", "{\"kind\":\"convert\",\"result\":{}}");
  folder.Stage("a", "started.json", "{\"kind\":\"pretrain\"}");
  const RunRecord run = folder.Read();
  ASSERT_EQ(run.stages.size(), 2u);
  EXPECT_EQ(run.stages[1].kind, "convert");
  EXPECT_THAT(Notes(run), Contains(HasSubstr("recipe.yaml: is missing")));
}

TEST(ReadRun, RefusesWhatIsNoRunAndNamesTheRunOfAStage) {
  const Folder folder;
  folder.Stage("parent", "started.json", "{}");
  const auto error = [](const std::string& path) {
    return std::string(ReadRun(path).status().message());
  };
  EXPECT_THAT(error(folder.File("recipe.yaml")), HasSubstr("is a file"));
  EXPECT_THAT(error(folder.File("nothing")), HasSubstr("there is no such folder"));
  EXPECT_THAT(error(folder.File("parent")), HasSubstr("is one stage of a run"));
  const TempFolder empty;
  EXPECT_THAT(error(empty.path()), HasSubstr("is no run"));
}

TEST(LockHolder, FindsTheProcessThatHoldsTheLockWithoutTouchingIt) {
  const Folder folder;
  const std::string path = folder.Write(".lock", absl::StrCat(::getpid(), "\n"));
  EXPECT_EQ(LockHolder(path), std::nullopt);
  const int file = ::open(path.c_str(), O_RDWR);
  ASSERT_EQ(::flock(file, LOCK_EX), 0);
  EXPECT_EQ(LockHolder(path), ::getpid());
  folder.Stage("parent", "started.json", "{\"kind\":\"pretrain\"}");
  EXPECT_EQ(folder.Read().stages[0].state, StageState::kRunning);
  ::close(file);
  EXPECT_EQ(LockHolder(path), std::nullopt);
  EXPECT_EQ(folder.Read().stages[0].state, StageState::kStopped);
}

TEST(ReadRun, TellsWhatFailedFromWhatWasStopped) {
  const Folder folder;
  folder.Stage("parent", "started.json", "{\"kind\":\"pretrain\"}");
  EXPECT_EQ(folder.Read().stages[0].state, StageState::kStopped);
  folder.Stage("parent", "failed.json", "{\"error\":\"the loss is nan\"}");
  const RunRecord run = folder.Read();
  EXPECT_EQ(run.stages[0].state, StageState::kFailed);
  EXPECT_EQ(run.stages[0].error, "the loss is nan");
  EXPECT_EQ(CurrentStage(run), &run.stages[0]);
  folder.Stage("parent", "stage.json", "{\"kind\":\"pretrain\",\"result\":{}}");
  EXPECT_EQ(folder.Read().stages[0].state, StageState::kDone);
}

TEST(WatchLines, FitTheScreenAndSayWhereARunStands) {
  const Folder folder;
  folder.Stage("parent", "started.json", "{\"kind\":\"pretrain\",\"config\":{\"steps\":100}}");
  std::string metrics;
  for (int step = 1; step <= 50; ++step) metrics += StepLine(step, 10.0 / step);
  folder.Stage("parent", "metrics.jsonl", metrics);
  const RunRecord run = folder.Read();
  const StageRecord* stage = CurrentStage(run);
  ASSERT_NE(stage, nullptr);
  const std::string all = absl::StrJoin(WatchLines(run, stage, 2000, {100, 0}), "\n");
  for (const char* part :
       {"0 of 3 stages done", "not running", "stopped  parent (pretrain)", "50 %  step 50/100",
        "1.0 steps/s", "loss 0.2000", "training loss", "line"})
    EXPECT_THAT(all, HasSubstr(part));
  EXPECT_THAT(all, Not(HasSubstr("\x1B")));
  EXPECT_THAT(absl::StrJoin(WatchLines(run, stage, 2000, {80, 24}), "\n"),
              HasSubstr("training loss"));
  for (const size_t rows : {1u, 2u, 5u, 12u, 24u, 60u}) {
    for (const size_t columns : {1u, 12u, 40u, 200u}) {
      const auto lines = WatchLines(run, stage, 2000, {columns, rows});
      EXPECT_LE(lines.size(), rows);
      for (const std::string& line : lines)
        EXPECT_LE(
            std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }),
            static_cast<std::ptrdiff_t>(columns));
    }
  }
}

TEST(StepsPerSecond, IsTheMedianSoThatAPauseDoesNotCount) {
  TrainingLog log;
  EXPECT_TRUE(std::isnan(StepsPerSecond(log)));
  double time = 0;
  for (int step = 0; step < 100; step += 10) {
    time += step == 50 ? 1000 : 5;
    LoggedStep line{};
    line.step = step;
    line.time = time;
    log.steps.push_back(line);
  }
  EXPECT_DOUBLE_EQ(StepsPerSecond(log), 2);
}

TEST(BrailleLine, DrawsFromCornerToCornerAndNothingWithoutAPoint) {
  EXPECT_THAT(BrailleLine({{0, 1}, {0, 1}}, 1, 1), ElementsAre("\xE2\xA1\x9C"));
  EXPECT_THAT(BrailleLine({{}, {}}, 2, 1), ElementsAre("\xE2\xA0\x80\xE2\xA0\x80"));
  EXPECT_THAT(BrailleLine({{0, 1}, {std::nan(""), INFINITY}}, 1, 1), ElementsAre("\xE2\xA0\x80"));
  EXPECT_EQ(BrailleLine({{3}, {3}}, 5, 4).size(), 4u);
}

std::string PredictionLine(int id, const std::string& output) {
  return absl::StrCat("{\"id\":", id, ",\"input\":\"source ", id, "\",\"output\":\"", output,
                      "\",\"references\":[\"the reference ", id, "\"]}\n");
}

TEST(ChooseExamples, TakesRowsOfLargestDisagreementAndSpreadOnes) {
  const TempFolder folder;
  std::string first, second;
  for (int i = 0; i < 100; ++i) {
    first += PredictionLine(i, "same words");
    second += PredictionLine(i, i == 60 ? "nothing alike" : "same words");
  }
  std::vector<RunNote> notes;
  const auto sets = ChooseExamples({{"MHA", "titles", folder.Write("a.jsonl", first), "a"},
                                    {"MQA", "titles", folder.Write("b.jsonl", second), "b"}},
                                   notes);
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_THAT(sets[0].models, ElementsAre("MHA", "MQA"));
  ASSERT_EQ(sets[0].rows.size(), kExamples);
  EXPECT_THAT(sets[0].rows, Contains(AllOf(Field(&ExampleRow::id, "60"),
                                           Field(&ExampleRow::chosen_by_disagreement, true))));
  EXPECT_EQ(sets[0].rows[0].source.substr(0, 7), "source ");
  EXPECT_TRUE(notes.empty());
}

TEST(ChooseExamples, LeavesOutBrokenRowsAndForeignFilesWithANote) {
  const TempFolder folder;
  const std::string good = PredictionLine(0, "x") + PredictionLine(1, "y");
  std::vector<RunNote> notes;
  const auto sets =
      ChooseExamples({{"A", "t", folder.Write("a", good), "a"},
                      {"B", "t", folder.Write("b", PredictionLine(0, "x\xFF") + "{\"torn"), "b"},
                      {"C", "t", folder.Write("c", PredictionLine(5, "z")), "c"},
                      {"D", "t", folder.Write("d", "garbage\n"), "d"}},
                     notes);
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_THAT(sets[0].models, ElementsAre("A", "B"));
  ASSERT_EQ(sets[0].rows.size(), 1u);
  EXPECT_EQ(sets[0].rows[0].outputs[1], "x\xEF\xBF\xBD");
  EXPECT_EQ(notes.size(), 3u);
}

}  // namespace
}  // namespace regroup
