"""The outputs of an audit: limits in YAML, verdict.json, a notebook, Model Cards, JUnit reports, exit codes."""

from __future__ import annotations

import hashlib
import json
import math
import re
import shlex
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from fairloop import Audit, audit
from fairloop.auditing import FILES, JUNIT, MODEL_CARD
from fairloop.errors import InputError
from test_audit_gate import BANK, bank
from test_run import here

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "verdict.schema.json").read_text(encoding="utf-8"))
LIMITS = """\
# Limits of the credit model.
- limit: tpr[Female]<0.3
  set_by: Risk committee
  date: 2026-03-01
  why: >-
    The model before
    had 0.35.
- limit: upper(equalized_odds_difference)>0.1
  round: 2023-02
- limit: four_fifths
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """An audit in which limits pass, fail and are undefined."""
    path = tmp_path_factory.mktemp("limits") / "limits.yaml"
    path.write_text(LIMITS, encoding="utf-8")
    log = bank(loss=0.2)
    log["repaid"] = log["repaid"].where((log["month"] < "2023-03") | (log["granted"] == 1))
    return audit(log, **BANK, limits=path, fail_on=["demographic_parity_difference>0.9", "lower(ppv)<0.2"])


def test_limits_come_from_a_file_with_their_authors(found):
    assert [str(one) for one in found.limits] == [
        "demographic_parity_difference>0.9", "lower(ppv)<0.2", "tpr[Female]<0.3",
        "upper(equalized_odds_difference)>0.1", "four_fifths",
    ]  # fmt: skip
    first = found.limits[2]
    assert (first.set_by, first.date, first.why) == ("Risk committee", "2026-03-01", "The model before had 0.35.")
    assert [one.round for one in found.gate] == ["2023-03", "2023-03", "2023-03", "2023-02", "2023-03"]
    assert [one.verdict for one in found.gate] == ["PASS", "PASS", "UNDEFINED", "FAIL", "FAIL"]
    assert "set by Risk committee, 2026-03-01: The model before had 0.35." in " ".join(str(found).split())


WRONG_FILES = {
    "": "holds no list of limits",
    "limit: tpr<0.5": "holds no list of limits",
    "- tpr<0.5": r"line 1: write a limit as 'limit: tpr_difference>0.1'",
    "- limit: tpr<0.5\n- why: so": r"line 2: there is no 'limit'",
    "- limit: tpr<0.5\n  setby: me": r"line 1: a limit has no 'setby'; did you mean 'set_by'\?",
    "- limit: tpr<0.5\n  limit: fpr>0.5": r"line 1: 'limit' is given twice",
    "- limit: tpr<0.5\n  date: soon": r"line 1: the date 'soon' is invalid; write it as 2026-01-31",
    "- limit: [tpr<0.5]": r"line 1: 'limit' takes text",
    "\n\n- limit: tprr<0.5": r"line 3: 'tprr<0.5': there is no measure 'tprr'; did you mean .*tpr",
    "- limit: tpr[Femal]<0.5": r"line 1: 'tpr\[Femal\]<0.5': there is no group 'Femal'; did you mean 'Female'",
    "- limit: tpr<0.5\n  round: 2023-4": r"round 2023-4: there is no such round; did you mean 2023-0",
    "- limit: tpr<0.5\n bad": "cannot be read",
    "- limit: &a tpr<0.5\n  why: *b": "cannot be read",
}


@pytest.mark.parametrize("text", WRONG_FILES)
def test_wrong_files_of_limits_are_explained(tmp_path, text):
    (tmp_path / "l.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=WRONG_FILES[text]) as caught:
        audit(bank(), **BANK, limits=tmp_path / "l.yaml")
    assert str(caught.value).startswith("limits")
    assert "\n" not in str(caught.value)


def test_the_document_follows_its_schema_and_holds_the_gate(found):
    text = found.to_json()
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA)
    assert document["verdict"] == "FAIL"
    assert document["exit_code"] == 1
    for said, one in zip(document["gate"], found.gate, strict=True):
        assert [said["limit"], said["verdict"], said["reason"]] == [str(one.limit), one.verdict, one.reason]
        for name in ("value", "low", "high", "lower", "upper"):
            number = getattr(one.value, name)
            assert said[name] is None if math.isnan(number) else said[name] == number
        assert (said["labelled"], said["people"]) == (one.value.labelled, one.value.people)
    assert [one["labels"] for one in document["rounds"]] == ["all", "all", "some"]
    open_ = {(one["measure"], one["limit"]) for one in document["not_judged"]}
    assert {("tpr[Female]", "tpr[Female]<0.3"), ("equalized_odds_difference", None)} <= open_
    lines = "\n".join(json.dumps(one, sort_keys=True) for one in document["limits"]["given"])
    assert document["limits"]["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert document["limits"]["file"]["sha256"] == hashlib.sha256(LIMITS.encode()).hexdigest()
    assert document["detectable_drift"]["power"] == 0.8
    assert found.to_json() == text


def test_the_schema_refuses_other_documents(found):
    for change in (
        {"version": 2}, {"verdict": "fine"}, {"exit_code": 3}, {"rounds": [{"name": "a"}]}, {"gate": [{}]},
        {"log": None},
    ):  # fmt: skip
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(found.to_json()) | change, SCHEMA)
    for name in SCHEMA["required"]:
        left = json.loads(found.to_json())
        del left[name]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(left, SCHEMA)


def test_the_digest_is_of_the_file_or_of_what_was_read(tmp_path):
    log = bank()
    log.to_csv(tmp_path / "log.csv", index=False)
    document = json.loads(audit(tmp_path / "log.csv", **BANK).to_json())
    assert document["log"]["sha256"] == hashlib.sha256((tmp_path / "log.csv").read_bytes()).hexdigest()
    assert (document["verdict"], document["exit_code"], document["finding"]) == ("NO LIMITS", 0, "")
    jsonschema.validate(document, SCHEMA)
    frames = [audit(one, **BANK).source for one in (log, log.sample(frac=1, random_state=0), log.iloc[1:])]
    assert frames[0] == frames[1] != frames[2]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_notebook_shows_the_gate_with_everything_escaped():
    evil = "<script>alert('&\"')</script>"
    log = bank().replace({"sex": {"Female": evil}})
    shown = audit(log, **BANK, fail_on=f"tpr[{evil}]<0.1")
    tags = _Tags()
    tags.feed(shown._repr_html_())
    selective = audit(log.assign(repaid=log["repaid"].where(log["granted"] == 1)), **BANK)
    assert f"rejected people of {evil}" in " ".join(selective.verdict.split())
    assert "<script" not in selective._repr_html_()
    assert set(tags.tags) <= {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert f"tpr[{evil}]<0.1" in tags.texts
    assert "PASS" in tags.texts
    assert tags.tags.count("tr") == 2
    assert str(shown) == shown.verdict
    assert repr(shown) == "<Audit of log: PASS: of 1 limit, 1 kept (round 2023-03).>"
    assert shown.passed is True
    assert audit(log, **BANK).passed is None


def test_directories_that_hold_an_audit_are_replaced_only_if_asked(tmp_path, found):
    written = found.write(tmp_path / "out", model="credit")
    assert sorted(written) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert set(written) == {*FILES, JUNIT, MODEL_CARD}
    before = (tmp_path / "out" / "verdict.json").read_bytes()
    with pytest.raises(InputError, match=r"^out: .*choose another directory, or say overwrite=True$"):
        audit(bank(), **BANK).write(tmp_path / "out")
    assert (tmp_path / "out" / "verdict.json").read_bytes() == before
    audit(bank(), **BANK).write(tmp_path / "out", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)  # nothing of the one before


def test_a_model_card_takes_what_has_a_value(found):
    text = found.model_card("credit", "https://example.org/verdict.json")
    card = ModelCard(f"---\n{text}---\n# Credit\n")
    results: list[EvalResult] = card.data.eval_results
    assert card.data.model_name == "credit"
    by_limit = {one.metric_args.get("limit"): one for one in results}
    assert "tpr[Female]<0.3" not in by_limit
    left_out, *others = by_limit["four_fifths"].metric_args["undefined"]
    assert left_out.startswith("tpr[Female]<0.3: not identified")
    assert [one.partition(": ")[0] for one in others] == [
        str(one.measure) for one in found.drifts if not found.measured.value(one.measure, -1).identified
    ]
    assert "tpr: bounded, labels are known for no rejected person" in others
    for one in found.gate:
        if one.value.identified:
            said = by_limit[str(one.limit)]
            assert type(said.metric_value) is float
            assert said.metric_value == one.value.value
            assert said.metric_args["verdict"] == one.verdict
            assert said.dataset_split == one.round
            assert said.source_url == "https://example.org/verdict.json"
    assert {one.metric_type for one in results} >= {"selection_rate", "demographic_parity_difference"}
    again = ModelCardData(model_name="credit", eval_results=results).to_yaml()
    assert yaml.safe_load(again)["model-index"][0]["results"][0]["task"] == {"type": "tabular-classification"}
    assert "python/object" not in text
    assert all(map(math.isfinite, _numbers(yaml.safe_load(text))))
    plain = yaml.safe_load(found.model_card("credit"))
    assert "source" not in plain["model-index"][0]["results"][0]


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for one in value.values() for number in _numbers(one)]
    if isinstance(value, list):
        return [number for one in value for number in _numbers(one)]
    return [value] if isinstance(value, float) else []


def test_a_junit_report_fails_what_has_not_passed(tmp_path):
    log = bank().replace({"sex": {"Female": "a\x00<b>&\x1b[1m"}})
    log["repaid"] = log["repaid"].where(log["month"] < "2023-03")
    limits = ["selection_rate<0.1", "selection_rate>0.1", "tpr<0.1", "tpr[a\x00<b>&\x1b[1m]<0.1"]
    audit(log, **BANK, fail_on=limits).write(tmp_path)
    suite = ET.parse(tmp_path / JUNIT).getroot()[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "3", "errors": "0", "skipped": "0",
    }  # fmt: skip
    kinds = [[failure.get("type") for failure in case] for case in suite]
    assert kinds == [[], ["broken"], ["undefined"], ["undefined"]]
    assert suite[0].get("name") == "selection_rate<0.1 in round 2023-03"
    assert "no label of this round is known" in (suite[2][0].get("message") or "")


COMMAND = ("--round", "month", "--label", "repaid", "--prediction", "granted", "--group", "sex")


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Audits a log by name into a directory; returns the exit code and the words on stderr.

    `log.csv` has all labels, `last.csv` none in the last round.
    """
    log = bank()
    log.to_csv(tmp_path / "log.csv", index=False)
    late = log["month"] >= "2023-03"
    log.assign(repaid=log["repaid"].where(~late)).to_csv(tmp_path / "last.csv", index=False)

    def called(name: str, out: str, *more: object) -> tuple[int, str]:
        code = here("audit", tmp_path / name, *COMMAND, "--out", tmp_path / out, *more)
        return code, capsys.readouterr().err

    return called


@pytest.mark.slow
def test_exit_codes_of_the_gate(tmp_path, run):
    whole, last = "log.csv", "last.csv"
    assert run(whole, "none") == (0, "")
    assert run(whole, "kept", "--fail-on", "tpr<0.1", "--fail-on", "lower(tpr)<0.69") == (0, "")
    code, said = run(whole, "broken", "--fail-on", "tpr<0.9")
    assert code == 1
    assert said.startswith("fairloop: tpr<0.9: tpr is 0.")
    code, said = run(last, "undefined", "--fail-on", "tpr<0.1")
    assert code == 1
    assert "tpr<0.1: tpr is undefined in round 2023-03 (no label of this round is known)" in said
    for name, out in ((whole, "kept"), (whole, "broken"), (last, "undefined")):
        document = json.loads((tmp_path / out / "verdict.json").read_text(encoding="utf-8"))
        jsonschema.validate(document, SCHEMA)
        assert document["log"]["name"] == name
        assert document["exit_code"] == (out != "kept")
    assert run(last, "before", "--fail-on", "tpr<0.1", "--gate-round", "last-labelled")[0] == 0
    assert (tmp_path / "before" / JUNIT).is_file()
    code, said = run(whole, "kept")
    assert (code, "choose another directory, or say --overwrite" in said) == (2, True)
    assert run(whole, "kept", "--overwrite", "--model-card", "credit")[0] == 0
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {*FILES, MODEL_CARD}


@pytest.mark.slow
def test_the_exit_code_of_wrong_options(tmp_path, run):
    (tmp_path / "l.yaml").write_text("- limit: tprr<0.5\n", encoding="utf-8")
    for words, more in (
        ("--fail-on 'tpr': write a measure", ("--fail-on", "tpr")),
        (f"--limits {tmp_path / 'l.yaml'}, line 1: 'tprr<0.5': there is no measure", ("--limits", tmp_path / "l.yaml")),
        ("--limits: nowhere.yaml is no file", ("--limits", "nowhere.yaml")),
        ("--gate-round 2024: there is no such round", ("--gate-round", "2024")),
        ("--reference 2024: there is no such round", ("--reference", "2024")),
        ("--reference-group Mal: there is no such group; did you mean 'Male'", ("--reference-group", "Mal")),
        ("--verdict-url: needs --model-card", ("--verdict-url", "https://example.org")),
    ):
        code, said = run("log.csv", "wrong", *more)
        assert code == 2
        assert words in said
        assert len(said.splitlines()) == 1
    assert not (tmp_path / "wrong").exists()


def test_the_report_names_what_a_committee_needs(found):
    said = " ".join(str(found).split())
    for words in (
        "FAIL: of 5 limits, 2 broken, 1 cannot be judged, 2 kept (rounds 2023-03, 2023-02; the log's last round is",
        "FAIL upper(equalized_odds_difference)>0.1: not shown to be kept: its interval ends at",
        "equalized odds difference between groups, round 2023-02: ",
        "(95 %, two-sided), labelled 600 of 600",
        "This log would have shown, with 80 % power, a drift of about",
        f"log: SHA-256 {found.source.sha256}",
        f"limits: SHA-256 {hashlib.sha256(LIMITS.encode()).hexdigest()}, of limits.yaml",
    ):
        assert words in said
    assert max(map(len, str(found).splitlines())) <= 80
    assert np.isfinite(found.detectable[1].by_verdict)


def test_the_examples_of_the_docs_run(tmp_path, monkeypatch):
    root = Path(__file__).parents[1]
    bank(people=3000).to_parquet(tmp_path / "log.parquet")
    job = yaml.safe_load((root / "examples" / "audit-gate.yml").read_text(encoding="utf-8"))["jobs"]["audit"]
    (command,) = (step["run"] for step in job["steps"] if step.get("run", "").startswith("fairloop"))
    (tmp_path / "examples").symlink_to(root / "examples")
    monkeypatch.chdir(tmp_path)
    assert here(*shlex.split(command)[1:]) == 0
    document = json.loads((tmp_path / "audit" / "verdict.json").read_text(encoding="utf-8"))
    assert [one["set_by"] for one in document["gate"]] == ["Model risk committee"] * 2 + ["Compliance"]
    page = (root / "docs" / "audit" / "pipeline.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    (tmp_path / "docs.yaml").write_text(text, encoding="utf-8")
    assert [one.verdict for one in audit(bank(), **BANK, limits="docs.yaml").gate] == ["PASS"]
