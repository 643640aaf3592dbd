// Figures of the GQA paper (Ainslie et al. 2023, arXiv 2305.13245) that stand beside one's own.
#pragma once

#include <array>

namespace regroup {

// Table 1: T5 on TPUv4, MQA and GQA uptrained with alpha = 0.05; dev sets. `average` is the paper's
// own column (CNN/DM, arXiv, PubMed, MediaSum, MultiNews Rouge-1; WMT14 En-De BLEU; TriviaQA F1).
struct PaperModel {
  const char* name;
  double seconds_per_sample, average, cnn_rouge1, wmt_bleu, trivia_qa_f1;
};
inline constexpr std::array<PaperModel, 4> kPaperTable1 = {
    {{"MHA-XXL", 1.51, 47.2, 43.8, 28.4, 81.9},
     {"GQA-8-XXL", 0.28, 47.1, 43.5, 28.4, 81.6},
     {"MQA-XXL", 0.24, 46.6, 43.0, 28.5, 81.3},
     {"MHA-Large", 0.37, 46.0, 42.9, 27.7, 78.2}}};

// Figure 5: T5-XXL, mean of CNN/DM R1, MultiNews R1 and TriviaQA F1 against alpha. The paper prints
// no numbers: these are read off the plot, to about 0.02.
struct PaperRecovery {
  const char* name;
  std::array<double, 3> score;
};
inline constexpr std::array<double, 3> kPaperAlphas = {0, 0.05, 0.10};
inline constexpr std::array<PaperRecovery, 3> kPaperFigure5 = {{{"MHA", {57.54, 57.54, 57.54}},
                                                                {"GQA-8", {56.72, 57.41, 57.57}},
                                                                {"MQA", {53.94, 56.93, 57.16}}}};

}  // namespace regroup
