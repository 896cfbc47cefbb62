"""The entries of the catalogue about texts. `evaluation.texts` measures them."""

from __future__ import annotations

from functools import partial
from math import inf

from fairloop.metrics.entry import Entry

_PARTS = ("overall", "group", "label")
_UNDEFINED = "no texts"
_FEW = "fewer than 1,000 n-grams"
_BASELINE = "Generated texts, and in generation 0 real test texts (split `test`), as a baseline."
_LEARNED = (
    "Generated texts, and real test texts (split `test`) as a baseline, in every generation. Where models learn from "
    "new samples in each epoch, those of the first."
)
_of_texts = partial(Entry, roles=("generator",), splits=("generated", "test"), parts=_PARTS, undefined=_UNDEFINED)
_UNTOLD = "no texts, or the vocabulary lacks the words of groups"
_of_twins = partial(Entry, splits=("test",), low=-inf, high=inf, direction="to 0")

ENTRIES = (
    _of_texts(
        name="perplexity", title="perplexity", low=0, high=inf, one="every token was certain",
        sentence="The inverse of the geometric mean of a language model's probabilities of tokens.",
        detail="Per token of the vocabulary, end marks included, over all tokens of the texts together. Split `test`: "
        "of real texts; it rises as a loop forgets them. Split `generated`: of the model's own samples; it falls as "
        "they become alike. Only for models that tell likelihoods.",
        source="Shumailov et al., 2024, arXiv 2305.17493",
    ),
    _of_texts(
        name="word_perplexity", title="perplexity per word", low=0, high=inf, one="every word was certain",
        sentence="The same per word and punctuation mark of the text, with the end mark of a text that is not cut.",
        detail="Comparable between vocabularies.",
    ),
    _of_texts(
        name="perplexity_floor", title="floor of perplexity", splits=("test",), parts=("overall",), low=1, high=inf,
        sentence="The perplexity per token of the source itself: no model has less on texts that it has not seen.",
        detail="For data of known entropy, `biographies`, where no text is cut and no word but names of towns is "
        "unknown. Towns that no training text has are one `<unk>`, which lowers it. The same in every generation.",
    ),
    _of_texts(
        name="text_length", title="length of texts", high=inf, zero="empty texts",
        sentence="The mean number of words and punctuation marks in a text.", detail=_BASELINE,
    ),
    _of_texts(
        name="type_token_ratio", title="type-token ratio", undefined=_FEW, one="no word occurs twice",
        sentence="The share of distinct words among 1,000 words.",
        detail=f"{_BASELINE} Always 1,000, because the ratio falls with their number. Texts in random order.",
    ),
    _of_texts(
        name="distinct_2", title="distinct pairs of words", undefined=_FEW, one="no pair occurs twice",
        sentence="The share of distinct pairs of neighbouring words among 1,000 pairs.",
        detail=f"{_BASELINE} Alone it is not a sign of collapse: smoothing makes new pairs while words are lost.",
        source="Li et al., 2016, arXiv 1510.03055",
    ),
    _of_texts(
        name="distinct_3", title="distinct triples of words", undefined=_FEW, one="no triple occurs twice",
        sentence="The share of distinct triples of neighbouring words among 1,000 triples.", detail=_BASELINE,
    ),
    _of_texts(
        name="zipf_slope", title="Zipf slope", low=-20, high=20, undefined="no text, or one word only",
        sentence="The power s with which the frequency of words falls with their rank.",
        detail=f"{_BASELINE} Maximum likelihood, with the ranks of the real training texts of the group: ranks from "
        "the same texts are biased (Pilgrim and Hills, 2021). Words that these lack do not count. Few "
        "training texts make it too large: 1.07 in place of 1 with 1,000 words, 1.01 with 20,000.",
    ),
    _of_texts(
        name="types_alive", title="words alive", parts=("overall", "group"), high=inf, zero="none of them occurs",
        one="as many as in real texts",
        sentence="The number of words of the real training texts that occur, over the number expected in as many real "
        "texts.",
        detail=f"{_BASELINE} Words of the group's texts. The expectation is that of draws with replacement, "
        "so the value does not depend on the number of samples.",
    ),
    _of_texts(
        name="copied_4", title="copied runs of 4 words", zero="none", one="all",
        sentence="The share of runs of 4 words that occur in the real training texts.",
        detail=f"{_BASELINE} Read it beside that baseline: real texts repeat each other, too.",
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
        detail=f"{_BASELINE} `biographies` watches professions; other data, labels by the annotator. Rare: a "
        "real share in the group below half of an equal one. Mere resampling keeps its mean at 1; its spread grows.",
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
        detail="Of real test texts and their twins, which differ in words of the group only. The log-odds of groups: "
        "under resampling it drifts without direction.", undefined=_UNTOLD,
    ),
    _of_twins(
        name="swap_rest", title="preference for the rest of the text", roles=("generator",), parts=("group",),
        sentence="The mean log-probability of the text after that word, less that of the first group's twin.",
        undefined=_UNTOLD,
    ),
    _of_twins(
        name="swap_association", title="association with the group", roles=("generator",), parts=("stratum",),
        sentence="The mean of `swap_rest` over texts of one kind, such as a profession, less its mean over kinds.",
        detail="`label` names the kind. It shrinks to 0 if the model forgets how groups and kinds go together: then "
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
        detail="A lower bound of individual unfairness: only words of the group differ.",
        undefined=_UNTOLD,
    ),
    _of_twins(
        name="swap_score", title="score that the group's words add", roles=("classifier",), parts=("group", "stratum"),
        low=-1, high=1, sentence="The mean probability of the beneficial label, less that of the first group's twin.",
        undefined=_UNTOLD,
    ),
)  # fmt: skip
