"""What a run imports before it trains: nothing that only other commands need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from conftest import TINY
from fairloop.training import eager

PROBE = """
import json, os, sys
from fairloop import cli
from fairloop.training import fitting

train = fitting._passed_over

def told():
    print(json.dumps([name for name in sys.argv[1].split(",") if name in sys.modules]), flush=True)

def first_epoch(*of):
    sys.argv[1:] = [needless]
    told()
    train(*of)
    import torch
    from fairloop.training import eager
    for kind in (eager.SGD, eager.Adam, eager.AdamW):
        parameter = torch.nn.Parameter(torch.ones(2))
        optimizer = kind([parameter], lr=0.1)
        parameter.grad = torch.ones(2)
        optimizer.step()
        optimizer.zero_grad()
        optimizer.load_state_dict(optimizer.state_dict())
    told()
    os._exit(0)

fitting._passed_over = first_epoch
needless, sys.argv = sys.argv[1], ["fairloop", *sys.argv[2:]]
cli.main()
"""
NEEDLESS = ("torch._dynamo", "torch._inductor", "sympy", "pandas", "scipy", "sklearn", "matplotlib", "datasets")


def test_a_run_trains_before_it_imports_what_others_need(tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(json.dumps(TINY))
    command = [sys.executable, "-c", PROBE, ",".join(NEEDLESS), "run", str(spec), "--out", str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    said = ended.stdout.splitlines()
    assert said[-2] == "[]"  # before the first step
    after = said[-1]  # an epoch and a step of each optimizer
    assert not [name for name in ("torch._dynamo", "torch._inductor", "sympy") if name in after]
    assert said[0] == "run: loading torch ..."  # before anything that takes long


@pytest.mark.parametrize(
    ("ours", "theirs", "given"),
    [
        (eager.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
        (eager.Adam, torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.01}),
        (eager.AdamW, torch.optim.AdamW, {"lr": 0.01}),
    ],
)
def test_optimizers_take_the_steps_of_torchs(ours, theirs, given):
    """To the last bit, and on from a state of the other one."""
    weights = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    kinds = [(ours, ours), (theirs, theirs), (theirs, ours)]
    ends = []
    for before, after in kinds:
        parameter = torch.nn.Parameter(weights.clone())
        optimizer = before([parameter], **given)
        for step in range(6):
            if step == 3:
                state = optimizer.state_dict()
                optimizer = after([parameter], **given)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            (parameter.square().sum() * (step + 1)).backward()
            optimizer.step()
        assert parameter.requires_grad
        ends.append(parameter.detach())
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[2], ends[1])
    assert not torch.equal(ends[0], weights)


@pytest.mark.slow
def test_audits_tables_and_reports_need_no_torch(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("round,label,predicted,group\n" + "0,1,1,a\n0,0,1,b\n1,1,0,a\n1,0,0,b\n0,0,0,a\n0,1,1,b\n" * 8)
    stored = str(Path(__file__).with_name("stored") / "0.1.0" / "run")
    columns = ["--label", "label", "--group", "group"]
    commands = [
        ["audit", str(log), "--round", "round", "--prediction", "predicted", *columns, "--out", str(tmp_path / "a")],
        ["curate", str(log), *columns, "--out", str(tmp_path / "curated.csv")],
        ["report", stored, "--out", str(tmp_path / "report.html")],
        ["export", stored, "--out", str(tmp_path / "table.csv")],
    ]
    code = "import json, sys\nfrom fairloop import cli\nfor command in json.loads(sys.argv[1]):\n"
    code += "    sys.argv = ['fairloop', *command]\n    try:\n        cli.main()\n    except SystemExit as end:\n"
    code += "        print('ended', end.code, 'torch' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)], capture_output=True, text=True, check=True
    )
    assert [line for line in ended.stdout.splitlines() if line.startswith("ended")] == ["ended 0 False"] * 4
