from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from fairloop import preset, presets
from fairloop.errors import InputError
from fairloop.spec.run import RunSpec, field_table, from_file, from_mapping


@pytest.mark.parametrize("name", presets.names())
def test_presets_are_specs_and_round_trip(name):
    spec = preset(name)
    assert from_mapping(yaml.safe_load(spec.to_yaml())) == spec
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec


VALIDATED = """
import sys
from fairloop import presets
from fairloop.people import KINDS, type_of
from fairloop.spec.run import from_mapping
from fairloop.sweep.grid import Sweep

written = [presets.fields(name) for name in presets.names()]
written += [{"star": {"ideal": "no_such.csv"}}, {"schedule": {1: {"star": {"ideal": {"kind": "no_such.yaml"}}}}}]
sweeps = [(presets.fields(sweep.base), sweep) for sweep in map(presets.sweep, presets.sweeps())]
from_mapping({})  # whatever is imported late is here now
for kind in KINDS:
    type_of(kind)

def refuse(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "socket.connect"):
        raise RuntimeError(f"{event} {arguments}")

sys.addaudithook(refuse)
for fields in written:
    from_mapping(fields)
for base, sweep in sweeps:
    Sweep(base, cases=sweep.cases, grid=sweep.grid).specs()
print(len(written), "torch" in sys.modules)
"""


def test_validation_opens_no_file_and_imports_no_torch():
    done = subprocess.run([sys.executable, "-c", VALIDATED], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == f"{len(presets.names()) + 2} False\n", done.stderr


def test_presets_can_be_changed_in_part():
    spec = preset("demo", seed=3, star={"target": "both"})
    assert (spec.seed, spec.star.target, spec.star.budget) == (3, "both", 16)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("star.bugdet=3", ["star.bugdet", "star.budget"]),
        ("data.green_given_label=[.3,1.7]", ["data.green_given_label", "1.7", "1"]),
        ("data.label_noise=-0.1", ["data.label_noise", "-0.1", "0"]),
        ("star.ideal=[[.5,.5],[.5,.5]]", ["star.ideal", "sums to 2"]),
        ("star.budget=-1", ["star.budget", "-1", "0"]),
        ("setting=foo", ["setting", "foo", "seqclass"]),
        ("data.threshold=10", ["data.threshold", "10", "9"]),
        ("generations=0", ["generations", "0", "1"]),
        ("generations=many", ["generations", "many", "integer"]),
        ("data.name=fashion", ["data.name", "fashion", "colored-mnist"]),
        ("data.source=directory", ["data.root"]),
        ("seed", ["field=value"]),
        ("seed=[", ["seed", "YAML"]),
        ("seed.x=1", ["seed"]),
        ("star=none", ["star=none: is a section of fields; set one of them, such as star.target"]),
        ("policy.generator=accumulate", ["policy.generator=accumulate", "such as policy.generator.kind"]),
        ("data=celeba", ["data=celeba: is a section of fields; set one of them, such as data.name"]),
        (
            "data={name: celeba, threshold: 5}",
            ["data.threshold: is a field of colored-mnist, colored-svhn, and celeba has no"],
        ),
    ],
)
def test_a_wrong_field_is_explained_in_one_line(override, words):
    with pytest.raises(InputError) as caught:
        from_mapping({}, [override])
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


def test_all_wrong_fields_are_named_at_once():
    with pytest.raises(InputError, match=r"setting=x.*star\.budget=-1"):
        from_mapping({}, ["setting=x", "star.budget=-1"])


@pytest.mark.parametrize("target", ["generator", "both"])
@pytest.mark.parametrize("setting", ["seqclass", "control"])
def test_star_on_a_generator_that_is_kept_is_an_error(setting, target):
    with pytest.raises(InputError, match=r"star\.target"):
        from_mapping({}, [f"setting={setting}", f"star.target={target}"])


def test_unknown_preset_lists_the_known():
    with pytest.raises(InputError, match="colored-mnist-quick"):
        presets.fields("colored-mnst")


@pytest.mark.parametrize("content", ["- a\n- b", "a: [", "\x00", "just text"])
def test_a_file_that_is_no_spec_is_refused(tmp_path, content):
    path = tmp_path / "spec.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match="spec"):
        from_file(path)


def test_identity_names_the_experiment_not_the_run():
    spec = from_mapping({})
    for change in ("name=other", "generations=3", "keep=last", "data.root=/elsewhere"):
        changed = from_mapping({"data": {"source": "directory", "root": "/here"}}, [change])
        assert changed.identity == from_mapping({"data": {"source": "directory", "root": "/here"}}).identity
    for change in ("seed=1", "star.target=both", "data.label_noise=0.1", "measure.samples=5", "precision=fp32"):
        assert from_mapping({}, [change]).identity != spec.identity


def test_every_field_is_described():
    assert [path for path, _, words in field_table() if not words and path != "data.name"] == []


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
paths = st.sampled_from([path for path, _, _ in field_table()]) | st.text(max_size=12)


@given(st.dictionaries(st.sampled_from([*RunSpec.model_fields, "x"]), values, max_size=4))
def test_any_mapping_is_a_spec_or_an_input_error(fields):
    with suppress(InputError):
        assert isinstance(from_mapping(fields), RunSpec)


@given(st.lists(st.tuples(paths, st.text(max_size=12)).map("=".join), max_size=3))
def test_any_override_gives_a_spec_or_an_input_error(overrides):
    with suppress(InputError):
        assert isinstance(from_mapping({}, overrides), RunSpec)


ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=3) | st.dates()
    | st.binary(max_size=2) | st.tuples(st.integers()) | st.sets(st.integers(), max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=2), ARGUMENTS, max_size=3), st.booleans())
@example({"\x85": "\u2028"}, False)
def test_arguments_are_what_a_run_that_goes_on_reads_back(arguments, later):
    """A network is tried with the spec's arguments and built with the recipe's: they are the same, or refused."""
    changes = {
        "classifier": {"arguments": arguments},
        "curation": {"target": "both", "steps": [{"kind": "x", **arguments}]},
    }
    with suppress(ValueError):
        spec = RunSpec(schedule={1: changes}) if later else RunSpec(**changes)
        now = spec.at(1)
        kept = from_mapping(yaml.safe_load(spec.to_yaml())).at(1)
        assert (
            kept.classifier.arguments == now.classifier.arguments == now.classifier.model_dump(mode="json")["arguments"]
        )
        assert kept.curation.steps == now.curation.steps


@pytest.mark.parametrize("value", ["2020-01-01", ".inf", "[1, .nan]", "!!set {a}", "!!binary YQ==", "&a [*a]"])
@pytest.mark.parametrize("field", ["generator.arguments.latent=", "schedule.1.generator={{arguments: {{latent: {}}}}}"])
def test_arguments_that_no_recipe_can_hold_are_refused(field, value):
    override = field.format(value) if "{}" in field else field + value
    with pytest.raises(InputError, match=r"is not plain data|not a value that YAML") as caught:
        from_mapping({}, [override])
    assert "\n" not in str(caught.value)
