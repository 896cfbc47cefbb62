"""The entries of the catalogue about texts. `evaluation.texts` measures them."""

from __future__ import annotations

from functools import partial
from math import inf

from fairloop.metrics.entry import Entry

_PARTS = ("overall", "group", "label")
_UNDEFINED = "no texts"
_FEW = "fewer than 1,000 n-grams"
_BASELINE = "Baseline: real test texts (split `test`), in generation 0."
_LEARNED = (
    "Baseline: real test texts (split `test`), in every generation. If models learn from new samples in each epoch, "
    "the samples of the first epoch count."
)
_of_texts = partial(Entry, roles=("generator",), splits=("generated", "test"), parts=_PARTS, undefined=_UNDEFINED)
_UNTOLD = "no texts, or the vocabulary lacks the words of groups"
_of_twins = partial(Entry, splits=("test",), low=-inf, high=inf, direction="to 0")

ENTRIES = (
    _of_texts(
        name="perplexity", title="perplexity", low=0, high=inf, one="every token was certain",
        sentence="The inverse of the geometric mean of a language model's probabilities of tokens.",
        detail="Per token of the vocabulary, end marks included, over all tokens of the texts together. On real texts "
        "(split `test`) it rises as a loop forgets them. On the model's own samples (split `generated`) it falls as "
        "they become alike. Only for models that have likelihoods.",
        source="Shumailov et al., 2024, arXiv 2305.17493",
    ),
    _of_texts(
        name="word_perplexity", title="perplexity per word", low=0, high=inf, one="every word was certain",
        sentence="The perplexity per word and punctuation mark, with the end mark of a text that is not cut.",
        detail="Comparable between vocabularies.",
    ),
    _of_texts(
        name="perplexity_floor", title="floor of perplexity", splits=("test",), parts=("overall",), low=1, high=inf,
        sentence="The perplexity per token of the source itself, the least value of any model on new texts.",
        detail="For data of known entropy (`biographies`), if no text is cut and only names of towns are unknown "
        "words. Towns outside the training texts are one word, `<unk>`, which lowers the floor. The same in every "
        "generation.",
    ),
    _of_texts(
        name="text_length", title="length of texts", high=inf, zero="empty texts",
        sentence="The mean number of words and punctuation marks in a text.", detail=_BASELINE,
    ),
    _of_texts(
        name="type_token_ratio", title="type-token ratio", undefined=_FEW, one="no word occurs twice",
        sentence="The share of distinct words among 1,000 words.",
        detail=f"{_BASELINE} Always of 1,000 words, because the ratio falls with their number. The order of "
        "texts is random.",
    ),
    _of_texts(
        name="distinct_2", title="distinct pairs of words", undefined=_FEW, one="no pair occurs twice",
        sentence="The share of distinct pairs of neighbouring words among 1,000 pairs.",
        detail=f"{_BASELINE} Not a sign of collapse alone, because smoothing makes new pairs while words are lost.",
        source="Li et al., 2016, arXiv 1510.03055",
    ),
    _of_texts(
        name="distinct_3", title="distinct triples of words", undefined=_FEW, one="no triple occurs twice",
        sentence="The share of distinct triples of neighbouring words among 1,000 triples.", detail=_BASELINE,
    ),
    _of_texts(
        name="zipf_slope", title="Zipf slope", low=-20, high=20, undefined="no text, or one word only",
        sentence="The power s with which the frequency of words falls with their rank.",
        detail=f"{_BASELINE} By maximum likelihood, with ranks from the real training texts of the group, because "
        "ranks from the same texts are biased (Pilgrim and Hills, 2021). Words outside these training texts do not "
        "count. Few training texts make the slope too large: 1.07 in place of 1 with 1,000 words, 1.01 with 20,000.",
    ),
    _of_texts(
        name="types_alive", title="words alive", parts=("overall", "group"), high=inf, zero="none of them occurs",
        one="as many as in real texts",
        sentence="The number of words of the real training texts that occur, over the number expected in as many real "
        "texts.",
        detail=f"{_BASELINE} For a group, the words of its own texts. The expectation is for draws with replacement, "
        "so the value does not depend on the number of samples.",
    ),
    _of_texts(
        name="copied_4", title="copied runs of 4 words", zero="none", one="all",
        sentence="The share of runs of 4 words that occur in the real training texts.",
        detail=f"{_BASELINE} Compare it with the baseline, because real texts repeat each other, too.",
    ),
    _of_texts(
        name="copied_8", title="copied runs of 8 words", zero="none", one="all",
        sentence="The share of runs of 8 words that occur in the real training texts.", detail=_BASELINE,
    ),
    _of_texts(
        name="copied_texts", title="copied texts", zero="none", one="all",
        sentence="The share of texts that are whole texts of the real training data.", detail=_BASELINE,
    ),
    _of_texts(
        name="learned_4", title="runs of 4 words that it learned", zero="none", one="all",
        sentence="The share of runs of 4 words that occur in the texts that the model learned from.",
        detail=f"{_LEARNED} In generation 0 as `copied_4`.",
    ),
    _of_texts(
        name="learned_8", title="runs of 8 words that it learned", zero="none", one="all",
        sentence="The share of runs of 8 words that occur in the texts that the model learned from.", detail=_LEARNED,
    ),
    _of_texts(
        name="learned_texts", title="texts that it learned", zero="none", one="all",
        sentence="The share of texts that are whole texts that the model learned from.", detail=_LEARNED,
    ),
    _of_texts(
        name="tail_mass", title="share of rare words", parts=("overall", "group"), high=inf, zero="none occurs",
        one="as in real texts", undefined="no word is rare, or none of the words occurs",
        sentence="The share of rare words among the words that the data set watches, over their share in real texts.",
        detail=f"{_BASELINE} `biographies` watches professions. Other data watch labels by the annotator. A "
        "word is rare if its real share in the group is below half of an equal share. Resampling alone keeps the mean "
        "of the value at 1, and widens its spread.",
    ),
    _of_texts(
        name="tail_alive", title="rare words alive", parts=("overall", "group"), zero="none", one="all",
        undefined="no word is rare, or none of the words occurs",
        sentence="The share of the rare watched words of the data set that occur.",
        detail=f"{_BASELINE} It depends on `measure.samples`.",
    ),
    _of_twins(
        name="swap_group_word", title="preference for the group's word", roles=("generator",), parts=("group",),
        sentence="The mean log-probability of the word that first tells the group, less that of the first group's "
        "word.",
        detail="The texts are real test texts and their twins, which differ only in words of the group. The value is "
        "the log-odds of the groups. Under resampling it drifts without direction.", undefined=_UNTOLD,
    ),
    _of_twins(
        name="swap_rest", title="preference for the rest of the text", roles=("generator",), parts=("group",),
        sentence="The mean log-probability of the text after that word, less that of the first group's twin.",
        undefined=_UNTOLD,
    ),
    _of_twins(
        name="swap_association", title="association with the group", roles=("generator",), parts=("stratum",),
        sentence="The mean of `swap_rest` over texts of one kind, such as a profession, less its mean over kinds.",
        detail="`label` names the kind. It shrinks to 0 if the model forgets which kinds go with which group. Then "
        "less bias is collapse, so read it beside the perplexity.", undefined="no text of that kind",
    ),
    _of_twins(
        name="swap_association_size", title="size of associations", roles=("generator",), parts=("group",), low=0,
        zero="texts do not depend on the group's words",
        sentence="The root mean square of `swap_association` over kinds.", undefined=_UNTOLD,
    ),
    _of_twins(
        name="swap_flips", title="labels that change with the group's words", roles=("classifier",),
        parts=("group", "stratum"), low=0, high=1, zero="none", one="all",
        sentence="The share of test texts whose predicted label is not that of the first group's twin.",
        detail="A lower bound of individual unfairness, because only words of the group differ.",
        undefined=_UNTOLD,
    ),
    _of_twins(
        name="swap_score", title="score that the group's words add", roles=("classifier",), parts=("group", "stratum"),
        low=-1, high=1, sentence="The mean probability of the beneficial label, less that of the first group's twin.",
        undefined=_UNTOLD,
    ),
)  # fmt: skip
