"""Files for those who package and release fairloop: they say what pyproject.toml says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RELEASE = PROJECT["version"].partition(".dev")[0]
ON_CONDA = {"torch": "pytorch"}


def test_the_conda_recipe_needs_what_the_wheel_needs():
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())
    python, *needed = recipe["requirements"]["run"]
    named = [re.fullmatch(r"([\w-]+)(.*)", one).groups() for one in PROJECT["dependencies"]]
    assert needed == [f"{ON_CONDA.get(name, name)} {versions}" for name, versions in named]
    assert python == "python >=${{ python_min }}"
    assert f">={recipe['context']['python_min']}" == PROJECT["requires-python"]
    assert recipe["context"]["version"] == RELEASE


def test_the_citation_has_the_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]


def test_the_bibtex_of_the_site_says_what_the_citation_file_says():
    text = (ROOT / "docs" / "index.md").read_text()
    paper, software = re.findall(r"^@\w+\{(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    of_paper, of_software = (
        dict(re.findall(r"^  (\w+) +=\s\{(.*)\},?$", entry, re.MULTILINE)) for entry in (paper, software)
    )
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    source = cited["references"][0]
    authors = " and ".join(f"{one['family-names']}, {one['given-names']}" for one in source["authors"])
    assert of_paper == {
        "title": source["title"], "author": authors, "booktitle": source["conference"]["name"],
        "year": str(source["year"]), "url": source["url"],
    }  # fmt: skip
    assert of_software == {
        "title": cited["title"], "author": f"{{{cited['authors'][0]['name']}}}", "version": cited["version"],
        "year": cited["date-released"][:4],
    }  # fmt: skip
    assert f"licence {cited['license']} " in text


def test_the_container_has_a_pinned_base_and_no_root_rights():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert bases
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base) for base in bases)
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["1000"]
    copied = {
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    }
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_workflows_and_forms_are_yaml_with_a_name(path):
    content = yaml.safe_load(path.read_text())
    assert content["name"]
    if path.parent.name == "workflows":
        assert content["permissions"] == {"contents": "read"}  # a job asks for more itself
