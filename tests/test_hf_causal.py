"""hf-causal: a tiny GPT-2 with random weights in a local directory, as a pretrained model would be there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fairloop import simulate
from fairloop.data import load
from fairloop.data.biographies.spec import BiographiesSpec
from fairloop.data.tokens import BytePairs
from fairloop.errors import InputError
from fairloop.models import build_generator
from fairloop.store.memory import MemoryModels
from fairloop.tables.token_ids import END, PAD
from fairloop.testing import GENERATOR_CHECKS, GeneratorCase
from test_text_loop import LIKE, spec
from texts import SENTENCES

transformers = pytest.importorskip("transformers")
LONG = 14
FEW = {"name": "test_text_loop:biographies", "arguments": {"train": 40}}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory) -> Path:
    """A model of two small layers with dropout, and its vocabulary, whose end of text is a special token."""
    root = tmp_path_factory.mktemp("gpt2")
    words = json.loads(BytePairs.of(SENTENCES, 280)._content)
    end = len(words["model"]["vocab"])
    words["model"]["vocab"]["<|endoftext|>"] = end
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    words["added_tokens"] = [{"id": end, "content": "<|endoftext|>", **special}]
    (root / "tokenizer.json").write_text(json.dumps(words))
    torch.manual_seed(0)
    size = {"n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2}
    config = transformers.GPT2Config(vocab_size=end + 1, bos_token_id=end, eos_token_id=end, **size)
    transformers.GPT2LMHeadModel(config).save_pretrained(root)
    return root


def texts_of(root: Path) -> tuple[BytePairs, torch.Tensor]:
    vocabulary = BytePairs.of_directory(root)
    return vocabulary, torch.from_numpy(vocabulary.encode([*SENTENCES, "<|endoftext|> the"] * 3, LONG))


@pytest.mark.parametrize("check", GENERATOR_CHECKS, ids=lambda check: check.__name__)
def test_it_passes_the_checks_of_generators(pretrained, check):
    vocabulary, samples = texts_of(pretrained)
    arguments = {"vocabulary": len(vocabulary), "directory": str(pretrained)}
    check(GeneratorCase("hf-causal", (LONG,), arguments, samples))


def test_likelihoods_are_those_of_the_library(pretrained):
    vocabulary, texts = texts_of(pretrained)
    model = build_generator(
        "hf-causal", (LONG,), {"directory": str(pretrained)}, {"vocabulary": len(vocabulary)}
    ).eval()
    theirs = transformers.AutoModelForCausalLM.from_pretrained(pretrained).eval()
    found = model.log_likelihood(texts)
    assert (found[texts == PAD] == 0).all()
    end = theirs.config.eos_token_id
    for row, logs in zip(texts[:11].tolist(), found, strict=False):
        ids = [end, *(end if token == END else token - 4 for token in row if token != PAD)]
        whole = torch.tensor([ids])
        expected = -theirs(whole, labels=whole).loss.item() * (len(ids) - 1)
        assert logs.sum().item() == pytest.approx(expected, rel=1e-4)


def test_the_end_of_text_written_in_a_text_is_no_end(pretrained):
    vocabulary = BytePairs.of_directory(pretrained)
    row = vocabulary.encode(["a <|endoftext|>"], 30)[0]
    assert vocabulary.decode(row[None]) == ["a <|endoftext|>"]
    assert len(vocabulary) - 1 not in row


@pytest.mark.slow
def test_generations_begin_with_the_directory_or_with_their_predecessor(pretrained, monkeypatch):
    import test_text_loop as loop

    vocabulary = BytePairs.of_directory(pretrained)
    monkeypatch.setattr(loop.Words, "of", lambda texts, most=None: vocabulary)
    monkeypatch.setattr(loop, "LENGTH", 24)
    tuned = {"model": "hf-causal", "arguments": {"directory": str(pretrained)}, "epochs": 1, "batch": 40}
    made = {}
    for warm in ("none", "generator"):
        asked = spec(**LIKE, generator=tuned, generations=2, warm_start=warm, data=FEW)
        generations = list(simulate(asked, MemoryModels()))
        made[warm] = [generation.generator.module.state_dict() for generation in generations]
    name = "model.transformer.wte.weight"
    assert torch.equal(made["none"][0][name], made["generator"][0][name])
    assert not torch.equal(made["none"][1][name], made["generator"][1][name])
    shown = generations[-1].gallery.images
    assert shown.shape[1] == 24
    assert all(isinstance(text, str) for text in vocabulary.decode(np.asarray(shown)))


@pytest.mark.parametrize(
    ("vocabulary", "directory", "problem"),
    [(300, "nowhere", "has no config.json"), (20, None, "take the vocabulary of"), (5000, None, "has 4996 tokens")],
)
def test_wrong_directories_and_vocabularies_are_named(pretrained, vocabulary, directory, problem):
    arguments = {"directory": directory or str(pretrained)}
    with pytest.raises(InputError, match=problem):
        build_generator("hf-causal", (LONG,), arguments, {"vocabulary": vocabulary})


def test_a_directory_without_a_vocabulary_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        BytePairs.of_directory(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"no tokenizer\.json that is a vocabulary"):
        BytePairs.of_directory(tmp_path)


@pytest.mark.parametrize(
    ("length", "arguments", "problem"),
    [
        (14, {"top_p": 0}, "top_p=0: give"),
        (14, {"top_k": -1}, "top_k=-1"),
        (33, {}, "up to 33 tokens, and the model reads 32"),
    ],
)
def test_arguments_that_leave_no_token_and_texts_that_are_too_long_are_named(pretrained, length, arguments, problem):
    whole = {"directory": str(pretrained), **arguments}
    with pytest.raises(InputError, match=problem):
        build_generator("hf-causal", (length,), whole, {"vocabulary": len(BytePairs.of_directory(pretrained))})


def test_data_take_the_vocabulary_of_a_directory_by_their_spec(pretrained, capfd):
    """A whole run by names alone, without a word of the library's own."""
    tuned = {"model": "hf-causal", "arguments": {"directory": str(pretrained)}, "epochs": 1, "batch": 40}
    few = {"name": "biographies", "train": 40, "valid": 8, "test": 8, "length": 30, "vocabulary": str(pretrained)}
    words = {"model": "tfidf-logistic"}
    asked = spec(generator=tuned, classifier=words, annotator=words, data=few, generations=2)
    assert asked.data.vocabulary == pretrained
    last = list(simulate(asked, MemoryModels()))[-1]
    assert last.value("perplexity", role="generator", split="test") > 1
    assert "Loading" not in "".join(capfd.readouterr())
    with pytest.raises(InputError, match=r"data\.vocabulary=byte-pair: byte-pair: has no tokenizer\.json"):
        load(BiographiesSpec(vocabulary="byte-pair"), 0)
