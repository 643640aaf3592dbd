// Which task rows are taken for, and which K/V heads are proposed.
#include "pipeline/own_recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace regroup {
namespace {

using ::testing::HasSubstr;

TEST(NearestKvHeads, IsADivisorBelowTheHeads) {
  EXPECT_EQ(NearestKvHeads(64, 8), 8) << "XXL, as in the paper";
  EXPECT_EQ(NearestKvHeads(32, 8), 8);
  EXPECT_EQ(NearestKvHeads(16, 8), 8);
  EXPECT_EQ(NearestKvHeads(12, 8), 6) << "base";
  EXPECT_EQ(NearestKvHeads(8, 8), 4);
  EXPECT_EQ(NearestKvHeads(6, 8), 3) << "v1.1-small";
  EXPECT_EQ(NearestKvHeads(7, 8), 1) << "a prime";
}

OwnTask Guess(const std::string& row) {
  const auto task = TaskOfFields(Json::parse(row), "a.jsonl:1", {});
  EXPECT_TRUE(task.ok()) << task.status();
  return task.value_or(OwnTask{});
}

TEST(TaskOfFields, KnowsTheFieldsOfCommonDataSets) {
  const OwnTask news = Guess(R"({"id": "1", "article": "long text", "highlights": "short"})");
  EXPECT_EQ(news.input, "summarize: {article}");
  EXPECT_EQ(news.target, "{highlights}");
  EXPECT_EQ(news.metric, "rouge");
  EXPECT_EQ(news.text, "article");
  const OwnTask squad =
      Guess(R"({"question": "who?", "context": "it was she", "answers": ["she", "her"]})");
  EXPECT_EQ(squad.input, "question: {question} context: {context}");
  EXPECT_EQ(squad.metric, "squad");
  EXPECT_EQ(Guess(R"({"question": "who was it?", "answer": "she"})").input, "question: {question}");
  EXPECT_EQ(Guess(R"({"en": "a", "de": "ein"})").metric, "bleu");
  EXPECT_EQ(Guess(R"({"input": "a b", "target": "c"})").input, "{input}");
  EXPECT_EQ(Guess(R"({"text": "a b", "label": "good"})").metric, "accuracy");
  EXPECT_FALSE(Guess(R"({"text": "a b", "url": "c"})").HasTask()) << "text alone is uptrained on";
}

TEST(TaskOfFields, WhatIsGivenStaysAndWhatIsUnknownIsListed) {
  OwnTask given;
  given.input = "{x}";
  given.target = "{y}";
  const auto task =
      TaskOfFields(Json::parse(R"({"x": "long text", "y": "b"})"), "a.jsonl:1", given);
  ASSERT_TRUE(task.ok());
  EXPECT_EQ(task->input, "{x}");
  EXPECT_EQ(task->text, "x");
  const auto unknown =
      TaskOfFields(Json::parse(R"({"x": "long text", "y": "b"})"), "a.jsonl:1", {});
  EXPECT_EQ(ExitCode(unknown.status()), 2);
  EXPECT_THAT(unknown.status().message(), HasSubstr("a.jsonl:1: the fields x, y are of no task"));
}

}  // namespace
}  // namespace regroup
