"""Fast kernels equal the plain ones, and bf16 agrees with fp32, the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from fairloop.curation import star
from fairloop.curation.interface import NoCuration
from fairloop.data.colored_mnist import ColoredMNISTSpec, load
from fairloop.models import CLASSIFIERS, build_classifier, build_generator
from fairloop.models.layers import HalvingMaxPool2d, TransposedConv2d, UpConv2d, UpsampledConv2d
from fairloop.models.numerics import Numerics, resolve
from fairloop.seeding import ModelRole, Role
from fairloop.sources.batch import Batch
from fairloop.sources.source import RealData, Source
from fairloop.spec.models import ClassifierSpec, GeneratorSpec
from fairloop.store.interface import last
from fairloop.training import cuda_graphs
from fairloop.training import fitting as training
from fairloop.training.batches import Feed, Schedule, real, synthetic
from fairloop.training.fitting import fit_classifier, fit_generator
from fairloop.training.streams import Streams, initialising

SHAPE = (3, 28, 28)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


PADDED = {"kernel_size": 4, "stride": 2, "padding": 1}


@pytest.mark.parametrize(
    ("layer", "before", "after", "side", "options"),
    [
        (UpConv2d, 16, 3, 14, PADDED),
        (UpConv2d, 5, 1, 7, PADDED),
        (UpConv2d, 4, 8, 3, PADDED),
        (UpConv2d, 16, 3, 12, {"kernel_size": 6, "stride": 2, "padding": 0}),
        (UpConv2d, 3, 2, 1, {"kernel_size": 2, "stride": 2, "padding": 0}),
        (UpConv2d, 3, 2, 4, {"kernel_size": 8, "stride": 2, "padding": 3}),
        (TransposedConv2d, 16, 8, 1, {"kernel_size": 5, "stride": 2}),
        (TransposedConv2d, 16, 8, 1, {"kernel_size": 5, "stride": 3, "bias": False}),
        (TransposedConv2d, 16, 8, 1, PADDED),
        (TransposedConv2d, 4, 8, 1, {"kernel_size": 3, "dilation": 2}),
        (TransposedConv2d, 4, 8, 1, {"kernel_size": 3, "groups": 2}),
        (TransposedConv2d, 16, 8, 7, PADDED),
        (TransposedConv2d, 5, 4, 3, {"kernel_size": 6, "stride": 2}),
        (TransposedConv2d, 3, 4, 2, {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}),
        (TransposedConv2d, 3, 4, 2, {"kernel_size": 3, "bias": False}),
    ],
)
@pytest.mark.parametrize(("precision", "error"), [("fp32", 1e-5), ("bf16", 5e-2)])
def test_fast_transposed_convolutions_equal_torchs(layer, before, after, side, options, precision, error):
    plain = nn.ConvTranspose2d(before, after, **options)
    fast = (
        UpConv2d(before, after, options["kernel_size"], options["padding"])
        if layer is UpConv2d
        else layer(before, after, **options)
    )
    fast.load_state_dict(plain.state_dict())
    x = torch.randn(3, before, side, side, generator=rng())
    gradient = torch.randn(plain(x).shape, generator=rng(1))
    results = []
    for module in (plain, fast):
        inputs = x.clone().requires_grad_()
        with Numerics(precision).autocast():
            out = module(inputs)
        out.backward(gradient.to(out.dtype))
        results.append((out, inputs.grad, *(parameter.grad for parameter in module.parameters())))
    for theirs, ours in zip(*results, strict=True):
        assert (ours - theirs).abs().max() <= error * theirs.abs().max()


@pytest.mark.parametrize("sides", [(6, 8), (5, 7), (2, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_fast_pooling_is_torchs_to_the_bit(sides, dtype, layout):
    # Few values, so that most squares have several largest pixels.
    x = torch.randint(-1, 3, (3, 5, *sides), generator=rng()).to(dtype).contiguous(memory_format=layout)
    gradient = torch.randn(3, 5, sides[0] // 2, sides[1] // 2, generator=rng(1)).to(dtype)
    results = []
    for layer in (nn.MaxPool2d(2), HalvingMaxPool2d()):
        inputs = x.clone().requires_grad_()
        out = layer(inputs)
        out.backward(gradient)
        results.append((out, inputs.grad, layer(x)))
    for theirs, ours in zip(*results, strict=True):
        assert torch.equal(theirs, ours)


@pytest.mark.parametrize(("before", "after", "height", "width"), [(16, 3, 14, 14), (5, 4, 1, 3), (1, 1, 2, 1)])
def test_the_fast_upsampling_equals_its_three_steps(before, after, height, width):
    plain = nn.Sequential(nn.UpsamplingNearest2d(scale_factor=2), nn.ReplicationPad2d(1), nn.Conv2d(before, after, 3))
    fast = UpsampledConv2d(before, after)
    fast.load_state_dict(plain[2].state_dict())
    x = torch.randn(3, before, height, width, generator=rng())
    gradient = torch.randn(3, after, 2 * height, 2 * width, generator=rng(1))
    results = []
    for layer, convolution in ((plain, plain[2]), (fast, fast)):
        inputs = x.clone().requires_grad_()
        out = layer(inputs)
        out.backward(gradient)
        results.append((out, inputs.grad, convolution.weight.grad, convolution.bias.grad))
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("name", ["conv-vae", "simple-cnn"])
def test_bf16_agrees_with_fp32_in_the_loss(name):
    images = torch.rand(32, *SHAPE, generator=rng())
    losses = []
    labels = torch.arange(32) % 2
    of_labels = name in CLASSIFIERS
    model = build_classifier(name, SHAPE, 2, {}) if of_labels else build_generator(name, SHAPE, {})
    for precision in ("fp32", "bf16"):
        with Numerics(precision).autocast():
            loss = F.cross_entropy(model(images).float(), labels) if of_labels else model.loss(images, rng())
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)


@pytest.mark.slow
def test_bf16_slowlyagrees_with_fp32_in_the_elbo():
    """Same seed, two epochs, then both are measured in fp32 on images that they have not seen."""
    split = load(ColoredMNISTSpec(train=512, valid=256), 0)
    unseen = Numerics().tensor(torch.from_numpy(split.tests["valid"].inputs[:]))
    streams = Streams(0, 0, ModelRole.GENERATOR)
    elbos = []
    for precision in ("fp32", "bf16"):
        numerics = Numerics(precision)
        with initialising(streams.at(Role.INITIALISATION)):
            vae = build_generator("conv-vae", SHAPE, {"widths": [16, 32]})
        feed = real(RealData(split.train, numerics), 64, streams)
        trained = last(fit_generator(vae, GeneratorSpec(epochs=2), feed, streams, numerics)).module
        with torch.no_grad():
            elbos.append(trained.loss(unseen, rng()).item() / len(unseen))
    assert elbos[1] == pytest.approx(elbos[0], rel=1e-2)


class NoWaiting(TorchDispatchMode):
    """Refuses what would make the host wait for a device: looking at values, and shapes that depend on values."""

    waits = ("_local_scalar_dense", "nonzero", "masked_select", "bincount", "equal", "unique")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert not any(name.startswith(wait) for wait in self.waits), f"{name} waits for the device"
        if name == "index":
            assert all(index is None or index.dtype != torch.bool for index in args[1]), "a mask waits for the device"
        return func(*args, **(kwargs or {}))


def watched(feed: Feed) -> Feed:
    """`feed`, in whose epochs nothing may wait, neither in drawing a batch nor in a step between two of them."""

    def epoch_of(epoch):
        with NoWaiting():
            yield from feed(epoch)

    return epoch_of


@pytest.mark.parametrize("rounding", ["floor", "stochastic"])
def test_nothing_waits_for_the_device_within_an_epoch(rounding, monkeypatch):
    for module in (star, training):
        monkeypatch.setattr(module, "free_to_ask", lambda tensor: False)
    numerics, streams = Numerics(), Streams(0, 1, ModelRole.GENERATOR)
    generator = build_generator("conv-vae", SHAPE, {"widths": [2, 4]})
    annotators = [build_classifier("simple-cnn", SHAPE, 2, {}) for _ in range(2)]
    curator = star.Star(np.full((2, 2), 0.25), 8, rounding)
    feed = synthetic(Source(generator, numerics, *annotators), curator, Schedule(3, 16, 16), streams)
    # Not Adam: on a CPU it counts its steps in tensors that it looks at; elsewhere it is capturable and does not.
    slowly = GeneratorSpec(epochs=1, optimizer="sgd", learning_rate=1e-6)
    fit = fit_generator(generator, slowly, watched(feed), streams, numerics)
    assert last(fit).log["redrawn"].shape == (1, 3)
    classifier = build_classifier("simple-cnn", SHAPE, 2, {})
    last(fit_classifier(classifier, ClassifierSpec(epochs=1), watched(feed), numerics))


def test_what_waits_is_found_out():
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        torch.ones(3).sum().item()
    with NoWaiting(), pytest.raises(AssertionError, match="mask"):
        torch.ones(3)[torch.ones(3) > 0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_steps_replayed_as_a_graph_equal_those_launched_one_by_one(monkeypatch):
    numerics = resolve("auto", "cuda", 1)
    streams = Streams(0, 1, ModelRole.GENERATOR, "cuda")
    results = []
    for replays in (True, False):
        with initialising(Streams(0, 1, ModelRole.GENERATOR).at(Role.INITIALISATION)):
            before, model = (numerics.place(build_generator("conv-vae", SHAPE, {"widths": [8, 16]})) for _ in range(2))
        if not replays:
            monkeypatch.setattr(training, "replayed", lambda step, device, noise: step)
        feed = synthetic(Source(before, numerics), NoCuration(), Schedule(20, 64, 17), streams)
        results.append(last(fit_generator(model, GeneratorSpec(epochs=2), feed, streams, numerics)).log["loss"])
    assert torch.allclose(*results, rtol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
@pytest.mark.parametrize("rounding", ["floor", "stochastic"])
def test_curated_batches_wait_for_no_gpu(rounding):
    numerics = resolve("auto", "cuda", 1)
    with initialising(Streams(0, 1, ModelRole.GENERATOR).at(Role.INITIALISATION)):
        generator = numerics.place(build_generator("conv-vae", SHAPE, {"widths": [8, 16]})).eval()
        labeller, grouper = (numerics.place(build_classifier("simple-cnn", SHAPE, 2, {})).eval() for _ in range(2))
    curator = star.Star(np.full((2, 2), 0.25), budget=16, rounding=rounding)
    source = Source(generator, numerics, labeller, grouper, groups_only_sort=True)
    feed = synthetic(source, curator, Schedule(4, 64, 17), Streams(0, 1, ModelRole.CLASSIFIER, "cuda"))
    sizes = [len(batch.labels) for batch, _ in feed(0)]  # the first use of a kernel loads it, and waits
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert [len(batch.labels) for batch, _ in feed(1)] == sizes == [64, 64, 64, 17]
    finally:
        torch.cuda.set_sync_debug_mode("default")


class Tape:
    """Stands in for CUDA: records a step when it is captured, and runs it when it is replayed."""

    def __init__(self, events: list[str], capturable: bool) -> None:
        self.events, self.capturable = events, capturable

    def stream(self) -> Tape:
        return self

    def wait_stream(self, stream: Tape) -> None:
        pass

    def register_generator_state(self, rng: torch.Generator) -> None:
        pass

    def replay(self) -> None:
        self.events.append("replay")

    @contextmanager
    def graph(self, graph: Tape, **options: object) -> Iterator[None]:
        self.events.append("capture")
        if not self.capturable:
            raise RuntimeError("operation not permitted when stream is capturing")
        yield


@pytest.mark.parametrize("capturable", [True, False])
def test_full_batches_are_replayed_and_others_launched(monkeypatch, capturable):
    events: list[str] = []
    tape = Tape(events, capturable)
    monkeypatch.setattr(cuda_graphs, "_stream", tape.stream)
    monkeypatch.setattr(torch.cuda, "current_stream", tape.stream)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", tape.stream)
    monkeypatch.setattr(torch.cuda, "graph", tape.graph)

    def step(batch: Batch) -> torch.Tensor:
        events.append(f"step of {len(batch.labels)}")
        return torch.tensor(0.0)

    train = cuda_graphs.replayed(step, "cuda", rng())
    sizes = [8, 3, 8, 8, 8, 8, 8, 3, 8]
    with nullcontext() if capturable else pytest.warns(UserWarning, match="one by one"):
        for size in sizes:
            train(Batch(torch.zeros(size, 2), torch.zeros(size), torch.zeros(size)))
    launched = [f"step of {size}" for size in sizes]
    if capturable:
        assert events == [*launched[:5], "capture", "step of 8", "replay", "replay", "step of 3", "replay"]
    else:
        assert events == [*launched[:5], "capture", *launched[5:]]
