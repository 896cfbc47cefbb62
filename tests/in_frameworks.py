"""Loops of Lightning, transformers' Trainer, accelerate and torchdata with a StarSampler, each in processes of its own.

    python in_frameworks.py FRAMEWORK OUT

trains as one of the processes that the environment names (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), and writes the
batches that each loop got to OUT-RANK.json: scenario -> epochs -> batches -> positions.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from fairloop import InputError, StarSampler

LABELS = np.arange(400) % 2
GROUPS = np.array(["red", "green", "green"])[np.random.default_rng(0).integers(0, 3, 400)]
BATCH = 8
Epochs = list[list[list[int]]]


class Numbers(Dataset[Any]):
    """What each sample is: its position."""

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        return {"i": torch.tensor(i), "x": torch.ones(2)}


def sampler(**rest: Any) -> StarSampler:
    return StarSampler(LABELS, GROUPS, batch_size=BATCH, seed=5, **rest)


def loader(star: StarSampler, workers: int = 0, kind: type = DataLoader) -> Any:
    return kind(Numbers(), batch_sampler=star, num_workers=workers)


def warned(what: Callable[[], Any]) -> list[str]:
    """The warnings of StarSampler while that runs."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        what()
    return [str(warning.message) for warning in found if str(warning.message).startswith("star:")]


def refused(what: Callable[[], Any]) -> str | None:
    """The error of StarSampler with which that ends, if it does."""
    try:
        what()
    except InputError as error:
        return str(error)
    return None


def came(data: Any, limit: int | None = None) -> list[list[int]]:
    """The positions in the batches of an epoch, of which `limit` are taken."""
    return [batch["i"].tolist() for batch in islice(data, limit)]


# Lightning


def lightning_model() -> Any:
    """A model that notes the batches of each epoch in `came`."""
    import lightning

    class Model(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.came = torch.nn.Linear(2, 1), []

        def on_train_epoch_start(self) -> None:
            self.came.append([])

        def training_step(self, batch: Any, number: int) -> torch.Tensor:
            if not self.came:  # resumed in the middle
                self.came.append([])
            self.came[-1].append(batch["i"].tolist())
            return self.layer(batch["x"]).sum()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Model()


def lightning_fit(
    work: Path, shared: bool, data: Any, resume: Path | None = None, save: Path | None = None, **limits: Any
) -> Epochs:
    """Epochs of batches; checkpoints after every five steps and every epoch go to `save`."""
    import lightning

    model, keep = lightning_model(), []
    if save:
        kept = partial(lightning.pytorch.callbacks.ModelCheckpoint, save, "{step}", save_top_k=-1)
        keep = [kept(every_n_train_steps=5), kept(save_on_train_epoch_end=True, every_n_epochs=1)]
    trainer = lightning.Trainer(
        accelerator="cpu", devices=int(os.environ["WORLD_SIZE"]) if shared else 1,
        max_epochs=limits.pop("epochs", 3), use_distributed_sampler=False, logger=False,
        enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=work, enable_checkpointing=bool(save), callbacks=keep, **limits,
    )  # fmt: skip
    trainer.fit(model, data, ckpt_path=resume)
    return model.came


def with_lightning(work: Path) -> dict[str, Any]:
    from torchdata.stateful_dataloader import StatefulDataLoader

    fit = partial(lightning_fit, work, int(os.environ["WORLD_SIZE"]) > 1)
    early = sampler()  # before torch.distributed is there
    found: dict[str, Any] = {"whole": fit(loader(early))}
    found["limited"] = fit(loader(sampler()), limit_train_batches=3)
    found["limited, workers"] = fit(loader(sampler(), 2), limit_train_batches=3)
    steps = len(found["whole"][0])
    middle, end = f"step={5 * (steps // 5 + 1)}.ckpt", f"step={2 * steps}.ckpt"
    for workers in (0, 2):
        saved = work / f"{workers} workers"
        stateful = partial(loader, workers=workers, kind=StatefulDataLoader)
        fit(stateful(sampler()), save=saved, epochs=2)
        found[f"in the middle, {workers} workers"] = fit(stateful(sampler()), saved / middle, epochs=3)
        found[f"at the end, {workers} workers"] = fit(stateful(sampler()), saved / end, epochs=4)
    fit(loader(sampler()), save=work / "plain", epochs=2)
    found["at the end, plain"] = fit(loader(sampler()), work / "plain" / end, epochs=4)
    found["warned"] = warned(lambda: fit(loader(sampler(), 2), work / "plain" / end, epochs=3))
    return found


# transformers


class Noting(torch.nn.Module):
    """A model that notes its batches in the last epoch of `came`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.came = torch.nn.Linear(2, 1), []

    def forward(self, i: torch.Tensor, x: torch.Tensor) -> dict[str, torch.Tensor]:
        self.came[-1].append(i.tolist())
        return {"loss": self.layer(x).sum()}


def transformers_train(
    work: Path, star: StarSampler, resume: Path | None = None, cut: bool = False, **rest: Any
) -> Epochs:
    """Epochs of batches. cut: each epoch ends after three steps."""
    import transformers

    class Trainer(transformers.Trainer):
        def get_train_dataloader(self) -> DataLoader:
            return self.accelerator.prepare(loader(star, self.args.dataloader_num_workers))

    class ByEpoch(transformers.TrainerCallback):
        def on_epoch_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            model.came.append([])

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            control.should_epoch_stop = cut and state.global_step % 3 == 0

    arguments = transformers.TrainingArguments(
        work, use_cpu=True, report_to=[], disable_tqdm=True, logging_strategy="no", save_steps=5,
        per_device_train_batch_size=BATCH, remove_unused_columns=False, ddp_find_unused_parameters=False,
        **{"num_train_epochs": 3, "save_strategy": "no", **rest},
    )  # fmt: skip
    model = Noting()
    trainer = Trainer(model, arguments, train_dataset=Numbers(), callbacks=[ByEpoch()])
    trainer.train(resume_from_checkpoint=resume and str(resume))
    return model.came


def with_transformers(work: Path) -> dict[str, Any]:
    train = partial(transformers_train, work)
    accelerates = partial(sampler, sharded_by="accelerate")
    found: dict[str, Any] = {"whole": train(accelerates(), save_strategy="steps")}
    steps = len(found["whole"][0])
    middle, end = 5 * (steps // 5 + 1), 2 * steps
    for workers in (0, 2):
        rest = {"dataloader_num_workers": workers}
        found[f"in the middle, {workers} workers"] = train(accelerates(), work / f"checkpoint-{middle}", **rest)
        found[f"at the end, {workers} workers"] = train(
            accelerates(), work / f"checkpoint-{end}", num_train_epochs=4, **rest
        )
    found["limited"] = train(accelerates(), cut=True)
    found["refused"] = refused(lambda: train(sampler()))
    return found


# accelerate


def prepared(star: StarSampler, workers: int = 0, **configuration: Any) -> Any:
    from accelerate import Accelerator, DataLoaderConfiguration

    accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(**configuration))
    return accelerator.prepare(loader(star, workers))


def epochs(data: Any, numbers: Iterable[int], limit: int | None = None) -> Epochs:
    found = []
    for epoch in numbers:
        data.set_epoch(epoch)
        found.append(came(data, limit))
    return found


def with_accelerate(work: Path) -> dict[str, Any]:
    from accelerate import skip_first_batches

    early = sampler(sharded_by="accelerate")  # before torch.distributed is there
    accelerates = partial(sampler, sharded_by="accelerate")
    data = prepared(early)
    found: dict[str, Any] = {"whole": [came(data) for _ in range(3)]}
    for workers in (0, 2):
        data = prepared(accelerates(), workers)
        found[f"limited, {workers} workers"] = epochs(data, range(3), 3)
        data = prepared(accelerates(), workers)
        found[f"limited, nobody sets epochs, {workers} workers"] = [came(data, 3) for _ in range(3)]
        data = prepared(accelerates(), workers)
        left = [came(data, 3), came(data, 5)]
        found[f"left and resumed, {workers} workers"] = [*left, came(skip_first_batches(data, 5))]
        star = accelerates()
        data = prepared(star, workers)
        star.set_epoch(2)
        found[f"at the end, the sampler is told, {workers} workers"] = [came(data), came(data)]
        data = prepared(accelerates(), workers)
        data.set_epoch(1)
        found[f"in the middle, {workers} workers"] = [came(skip_first_batches(data, 5)), *epochs(data, [2])]
        data = prepared(accelerates(), workers)
        skipping = skip_first_batches(data, 5)
        skipping.set_epoch(1)
        found[f"skipped first, {workers} workers"] = [came(skipping), *epochs(data, [2])]
        found[f"at the end, {workers} workers"] = epochs(prepared(accelerates(), workers), [2, 3])
    found["dispatched"] = epochs(prepared(accelerates(), dispatch_batches=True), range(2))
    found["refused"] = refused(lambda: came(prepared(sampler())))
    found["refused, split"] = refused(lambda: came(prepared(accelerates(), split_batches=True)))
    found["refused, unprepared"] = refused(lambda: came(loader(accelerates())))
    return found


# torchdata


def with_torchdata(work: Path) -> dict[str, Any]:
    from torchdata.stateful_dataloader import StatefulDataLoader

    found: dict[str, Any] = {}
    early = sampler()
    if int(os.environ["WORLD_SIZE"]) > 1:
        torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
    found["whole"] = [came(loader(early)) for _ in range(3)]
    for workers in (0, 2):
        stateful = partial(loader, workers=workers, kind=StatefulDataLoader)
        for where, steps, cut in (
            ("in the middle", 5, None),
            ("at the end", None, None),
            ("cut after the end", None, 3),
        ):
            data = stateful(sampler())
            came(data)
            came(data, steps)
            state = data.state_dict()
            again = stateful(sampler())
            again.load_state_dict(state)
            found[f"{where}, {workers} workers"] = [came(again, cut), came(again)]
        data = stateful(sampler())
        found[f"limited, {workers} workers"] = [came(data, 3) for _ in range(3)]
    return found


if __name__ == "__main__":
    name, out = sys.argv[1], Path(sys.argv[2])
    torch.set_num_threads(1)
    work = out.parent / name
    work.mkdir(exist_ok=True)
    result = globals()[f"with_{name}"](work)
    out.with_name(f"{out.name}-{os.environ['RANK']}.json").write_text(json.dumps(result))
