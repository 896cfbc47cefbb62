"""The wheel, installed and run outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from conftest import TINY

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_runs_outside_the_clone(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    assert "fairloop/data/embedded/train-images-idx3-ubyte.gz" in names
    assert any(name.endswith("embedded/LICENSE.md") for name in names)
    assert "fairloop/py.typed" in names
    for part in ("page.html.j2", "page.css", "page.js", "vendor/uPlot.iife.min.js", "vendor/LICENSE"):
        assert f"fairloop/report/page/{part}" in names

    spec = tmp_path / "tiny.yaml"
    spec.write_text(yaml.safe_dump({**TINY, "generations": 1}))
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import fairloop; print(fairloop.__file__);"
        f"sys.argv = ['fairloop', 'run', {str(spec)!r}, '--out', {str(tmp_path / 'out')!r}];"
        "from fairloop.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout
    assert "generation 0: accuracy" in done.stdout
