"""StarSampler in loops: a DataLoader and its workers, processes, frameworks that divide batches, the example."""

from __future__ import annotations

import datetime
import re
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from fairloop import InputError, StarSampler
from fairloop.curation import frameworks
from test_sampler import GROUPS, LABELS, arguments, data_sets, ranks
from test_sampler_passes import numbers


def test_workers_change_nothing():
    loaders = [
        DataLoader(numbers(), batch_sampler=StarSampler(LABELS, GROUPS, batch_size=64), num_workers=n) for n in (0, 2)
    ]
    for _ in range(2):
        alone, helped = ([batch.tolist() for (batch,) in loader] for loader in loaders)
        assert alone == helped


def test_a_loader_with_workers_resumes_where_the_loop_was():
    whole = [
        batch.tolist() for (batch,) in DataLoader(numbers(), batch_sampler=StarSampler(LABELS, GROUPS, batch_size=64))
    ]
    sampler = StarSampler(LABELS, GROUPS, batch_size=64)
    for step, _ in enumerate(DataLoader(numbers(), batch_sampler=sampler, num_workers=2, prefetch_factor=8), start=1):
        if step == 3:
            break
    assert sampler.state_dict()["epoch"] == 1  # fetched ahead
    state = sampler.state_dict(batches=step)
    again = StarSampler(LABELS, GROUPS, batch_size=64)
    again.load_state_dict(state)
    rest = [batch.tolist() for (batch,) in DataLoader(numbers(), batch_sampler=again, num_workers=2)]
    assert rest == whole[3:]


def curate_as_rank(rank: int, world_size: int, address: str) -> None:
    sampler = StarSampler(LABELS, GROUPS, batch_size=32)
    loader = DataLoader(numbers(), batch_sampler=sampler)
    assert (sampler.rank, sampler.world_size) == (0, 1)
    torch.distributed.init_process_group(
        "gloo", init_method=address, rank=rank, world_size=world_size, timeout=datetime.timedelta(seconds=60)
    )
    assert (sampler.rank, sampler.world_size) == (rank, world_size)
    assert len(sampler) == len(StarSampler(LABELS, GROUPS, batch_size=32, rank=rank, world_size=world_size))
    for (mine,) in loader:
        everybody = [torch.zeros_like(mine) for _ in range(world_size)]
        torch.distributed.all_gather(everybody, mine)
        union = torch.cat(everybody).numpy()
        assert len(set(union.tolist())) == 64
        assert set(Counter(zip(LABELS[union], GROUPS[union], strict=True)).values()) == {16}
    torch.distributed.destroy_process_group()


def test_processes_of_torch_distributed_share_a_batch(tmp_path):
    address = f"file://{tmp_path / 'meeting'}"
    torch.multiprocessing.start_processes(curate_as_rank, args=(2, address), nprocs=2, start_method="fork")


@given(data_sets(), arguments(), st.integers(1, 4), st.integers(0, 3))
def test_what_accelerate_divides_is_what_each_rank_draws(people, given, world_size, done):
    """Accelerate gives process r of w the batches r, r + w, r + 2 w, ...; here without it."""
    together = StarSampler(*people, **given, rank=0, world_size=world_size, sharded_by="accelerate")
    apart = ranks(*people, world_size, **given)
    assert len(together) == world_size * len(apart[0])
    done = min(done, len(apart[0]) - 1)
    together.load_state_dict(apart[0].state_dict(batches=done))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frameworks, "sharder", lambda: frameworks.Sharder(world_size, splits=False))
        batches = list(together)
    for rank, own in enumerate(apart):
        assert batches[rank::world_size] == list(own)[done:]
    assert together.state_dict()["epoch"] == 1


@pytest.mark.parametrize(
    ("sharder", "sharded_by", "problem"),
    [
        (
            frameworks.Sharder(2, splits=False),
            "sampler",
            "accelerate would divide them again; give .*sharded_by='accelerate'",
        ),
        (
            frameworks.Sharder(2, splits=True),
            "accelerate",
            "there are 2 processes, but accelerate splits each batch; have",
        ),
        (
            frameworks.Sharder(4, splits=False),
            "accelerate",
            "there are 2 processes, but accelerate divides batches among 4",
        ),
        (None, "accelerate", "there are 2 processes, but accelerate does not divide batches"),
    ],
)
def test_batches_are_divided_once(monkeypatch, sharder, sharded_by, problem):
    monkeypatch.setattr(frameworks, "sharder", lambda: sharder)
    sampler = StarSampler(LABELS, GROUPS, batch_size=8, rank=0, world_size=2, sharded_by=sharded_by)
    with pytest.raises(InputError, match=problem):
        next(iter(sampler))


def test_accelerate_is_found_where_it_divides_batches():
    """The real one, that `make test` has too; two processes are in test_frameworks.py."""
    from accelerate.data_loader import BatchSamplerShard

    plain = StarSampler(LABELS, GROUPS, batch_size=8, rank=1, world_size=2)
    with pytest.raises(InputError, match="accelerate would divide them again"):
        next(iter(DataLoader(numbers(), batch_sampler=BatchSamplerShard(plain, 2, 1))))
    right = StarSampler(LABELS, GROUPS, batch_size=8, rank=0, world_size=2, sharded_by="accelerate")
    assert list(BatchSamplerShard(right, 2, 1)) == list(plain)
    alone = StarSampler(LABELS, GROUPS, batch_size=8, rank=0, world_size=1)
    assert list(BatchSamplerShard(alone, 2, 1)) == list(StarSampler(LABELS, GROUPS, batch_size=8))[1::2]


def test_a_state_of_another_number_of_processes_is_refused_when_the_pass_begins():
    state = StarSampler(LABELS, GROUPS, batch_size=8, rank=0, world_size=2).state_dict()
    alone = StarSampler(LABELS, GROUPS, batch_size=8)
    alone.load_state_dict(state)  # torch.distributed may still come
    with pytest.raises(InputError, match="state: belongs to a sampler with world_size=2, but this has 1"):
        next(iter(alone))


def test_the_page_about_it_runs(capsys):
    page = (Path(__file__).parents[1] / "docs" / "star-in-your-loop.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    assert len(names["rest"]) == len(names["sampler"]) - 5
    assert "people discarded" in capsys.readouterr().out


def test_the_example_learns_less_of_the_colour(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["star_sampler.py", "--epochs", "2", "--train", "2000"])
    with torch.random.fork_rng():
        runpy.run_path(str(Path(__file__).parents[1] / "examples" / "star_sampler.py"), run_name="__main__")
    plain, star, last = capsys.readouterr().out.splitlines()
    unfair = [float(line.rpartition(" ")[2]) for line in (plain, star)]
    assert plain.startswith("as they come: accuracy")
    assert star.startswith("with STAR: accuracy")
    assert unfair[1] < unfair[0] / 2
    assert last.startswith("its last epoch: 1,664 places in 13 batches; ")
