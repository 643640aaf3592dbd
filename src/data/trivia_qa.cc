// Questions, evidence documents and aliases of TriviaQA.
#include "data/trivia_qa.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/log.h"
#include "formats/lines.h"

namespace regroup {
namespace {

constexpr char kForm[] = "TriviaQA's JSON (qa/wikipedia-train.json and its like)";

// White space of RE2's \s.
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

// Between the words of a template there is a space already.
std::string Padded(std::string_view text) {
  return std::string(absl::StripAsciiWhitespace(PadPunctuation(text)));
}

std::string EvidenceFolder(const std::string& path, const std::string& evidence) {
  if (!evidence.empty()) return evidence;
  const auto folder = std::filesystem::absolute(path).lexically_normal().parent_path();
  return (folder.parent_path() / "evidence").string();
}

struct Question {
  Json id;
  std::string text;
  std::vector<std::string> aliases;  // normalized, none empty
  std::vector<std::string> answers;  // aliases and human answers
  std::vector<std::string> documents;
};

absl::Status AppendTexts(const Json& object, const char* key, const std::string& place,
                         std::vector<std::string>* texts) {
  REGROUP_ASSIGN_OR_RETURN(const Json* list,
                           Member(object, key, Json::value_t::array, place, kForm));
  for (const Json& text : *list) {
    if (!text.is_string()) return UserError(place, absl::StrCat("\"", key, "\" holds no text"));
    std::string trimmed(absl::StripAsciiWhitespace(text.get<std::string>()));
    if (!trimmed.empty()) texts->push_back(std::move(trimmed));
  }
  return absl::OkStatus();
}

absl::Status AddAnswers(const Json& datum, const std::string& place, Question* question) {
  if (!datum.contains("Answer")) {
    return UserError(place,
                     "has no \"Answer\": files named *-without-answers.json can neither train nor "
                     "be scored; take a train or dev file");
  }
  REGROUP_ASSIGN_OR_RETURN(const Json* answer,
                           Member(datum, "Answer", Json::value_t::object, place, kForm));
  REGROUP_RETURN_IF_ERROR(AppendTexts(*answer, "NormalizedAliases", place, &question->aliases));
  question->answers = question->aliases;
  if (answer->contains("HumanAnswers"))
    REGROUP_RETURN_IF_ERROR(AppendTexts(*answer, "HumanAnswers", place, &question->answers));
  if (!question->answers.empty()) return absl::OkStatus();
  return UserError(place, "\"NormalizedAliases\" holds no answer");
}

// Paths of the documents that `key` names, or nothing where the question has no such list.
absl::Status AddDocuments(const Json& datum, const char* key, const std::string& folder,
                          const std::string& place, Question* question) {
  const auto pages = datum.find(key);
  if (pages == datum.end() || pages->is_null()) return absl::OkStatus();
  if (!pages->is_array()) return UserError(place, absl::StrCat("\"", key, "\" is no list"));
  for (const Json& page : *pages) {
    REGROUP_ASSIGN_OR_RETURN(const Json* name,
                             Member(page, "Filename", Json::value_t::string, place, kForm));
    const std::string file = name->get<std::string>();
    if (file.starts_with('/') || file.find("..") != std::string::npos)
      return UserError(place, absl::StrCat("\"Filename\" is ", file, ", outside the evidence"));
    question->documents.push_back(JoinPath(folder, file));
  }
  return absl::OkStatus();
}

absl::StatusOr<Question> ReadQuestion(const Json& datum, const std::string& evidence,
                                      const std::string& path, size_t number) {
  const std::string row = absl::StrCat(path, ": Data ", number);
  REGROUP_ASSIGN_OR_RETURN(const Json* id,
                           Member(datum, "QuestionId", Json::value_t::string, row, kForm));
  const std::string place = absl::StrCat(path, ": ", id->get<std::string>());
  REGROUP_ASSIGN_OR_RETURN(const Json* text,
                           Member(datum, "Question", Json::value_t::string, place, kForm));
  Question question{*id, Padded(text->get<std::string>()), {}, {}, {}};
  REGROUP_RETURN_IF_ERROR(AddAnswers(datum, place, &question));
  REGROUP_RETURN_IF_ERROR(
      AddDocuments(datum, "EntityPages", JoinPath(evidence, "wikipedia"), place, &question));
  REGROUP_RETURN_IF_ERROR(
      AddDocuments(datum, "SearchResults", JoinPath(evidence, "web"), place, &question));
  return question;
}

absl::StatusOr<std::string> ReadDocument(const std::string& path, const std::string& place) {
  if (!FileExists(path)) {
    return UserError(path, absl::StrCat("is missing, an evidence document of ", place,
                                        "; unpack evidence/ of triviaqa-rc beside qa/, or name its "
                                        "folder in the task file: evidence: FOLDER"));
  }
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  REGROUP_RETURN_IF_ERROR(CheckUtf8(text, path));
  return Padded(text);
}

// `alias` first, the other answers behind it.
Json AnswersWithFirst(const Question& question, const std::string& alias) {
  Json answers = Json::array({alias});
  for (const std::string& answer : question.answers) {
    if (answer != alias) answers.push_back(answer);
  }
  return answers;
}

class Reading {
 public:
  Reading(std::string path, RowUse purpose, const UseFields& use)
      : path_(std::move(path)), purpose_(purpose), use_(use) {}

  absl::Status Use(const Question& question) {
    const std::string place = absl::StrCat(path_, ": ", question.id.get<std::string>());
    std::string context;
    for (const std::string& file : question.documents) {
      REGROUP_ASSIGN_OR_RETURN(const std::string document, ReadDocument(file, place));
      ++documents_;
      if (purpose_ == RowUse::kTraining) {
        REGROUP_RETURN_IF_ERROR(UsePairs(question, document, place));
      } else {
        absl::StrAppend(&context, context.empty() ? "" : " ", document);
      }
    }
    ++questions_;
    if (purpose_ == RowUse::kTraining) return absl::OkStatus();
    return use_(Row(question, context, Json(question.answers)), place);
  }

  void Report() const {
    if (purpose_ != RowUse::kTraining) return;
    LogInfo(absl::StrCat(path_, ": ", FormatCount(questions_), " questions with ",
                         FormatCount(documents_), " documents, ", FormatCount(without_),
                         " of them without any answer and left out"));
  }

 private:
  absl::Status UsePairs(const Question& question, const std::string& document,
                        const std::string& place) {
    const std::string lower = absl::AsciiStrToLower(document);
    bool any = false;
    for (const std::string& alias : question.aliases) {
      const std::string padded = PadPunctuation(alias);
      if (lower.find(absl::AsciiStrToLower(padded)) == std::string::npos) continue;
      any = true;
      REGROUP_RETURN_IF_ERROR(
          use_(Row(question, document, AnswersWithFirst(question, padded)), place));
    }
    without_ += any ? 0 : 1;
    return absl::OkStatus();
  }

  static Json Row(const Question& question, const std::string& context, Json answers) {
    return Json{{"id", question.id},
                {"question", question.text},
                {"context", context},
                {"answers", std::move(answers)}};
  }

  std::string path_;
  RowUse purpose_;
  const UseFields& use_;
  int64_t questions_ = 0, documents_ = 0, without_ = 0;
};

}  // namespace

std::string PadPunctuation(std::string_view text) {
  std::string padded;
  const auto space = [&] {
    if (padded.empty() || padded.back() != ' ') padded += ' ';
  };
  for (const char c : text) {
    const bool punctuation = std::ispunct(static_cast<unsigned char>(c)) != 0 && (c & 0x80) == 0;
    if (punctuation || IsSpace(c)) space();
    if (IsSpace(c)) continue;
    padded += c;
    if (punctuation) space();
  }
  return padded;
}

absl::Status ReadTriviaQa(const std::string& path, const std::string& evidence, RowUse purpose,
                          const UseFields& use) {
  REGROUP_ASSIGN_OR_RETURN(const Json file, ReadJsonFile(path));
  REGROUP_ASSIGN_OR_RETURN(const Json* data,
                           Member(file, "Data", Json::value_t::array, path, kForm));
  const std::string folder = EvidenceFolder(path, evidence);
  Reading reading(path, purpose, use);
  for (size_t i = 0; i < data->size(); ++i) {
    REGROUP_ASSIGN_OR_RETURN(const Question question, ReadQuestion((*data)[i], folder, path, i));
    REGROUP_RETURN_IF_ERROR(reading.Use(question));
  }
  reading.Report();
  return absl::OkStatus();
}

}  // namespace regroup
