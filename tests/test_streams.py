from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairloop.seeding import ModelRole, Role, numpy_stream
from fairloop.training.streams import Streams, initialising

keys = st.tuples(
    st.integers(0, 2**40), st.integers(0, 200), st.sampled_from(ModelRole), st.sampled_from(Role), st.integers(0, 50)
)


def draw(key: tuple[int, int, ModelRole, Role, int]) -> torch.Tensor:
    seed, generation, model, role, epoch = key
    return torch.rand(8, generator=Streams(seed, generation, model).at(role, epoch))


@given(keys, keys)
def test_streams_agree_exactly_when_their_keys_do(first, second):
    assert torch.equal(draw(first), draw(second)) == (first == second)


def test_streams_do_not_touch_global_state():
    before = torch.get_rng_state()
    draw((0, 0, ModelRole.GENERATOR, Role.LATENTS, 0))
    with initialising(torch.Generator().manual_seed(1)):
        torch.nn.Linear(3, 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_initial_weights_follow_the_stream():
    def weights(seed: int) -> torch.Tensor:
        with initialising(Streams(seed, 0, ModelRole.CLASSIFIER).at(Role.INITIALISATION)):
            return torch.nn.Linear(3, 3).weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_state_of_torchs_generator_is_laid_out_as_expected():
    # The whole Mersenne Twister state is filled in; NumPy's legacy generator shows where torch keeps it.
    state = torch.Generator().manual_seed(5).get_state().numpy()
    words = state[24 : 24 + 624 * 8].view(np.uint64)
    assert np.array_equal(words, np.random.RandomState(5).get_state(legacy=False)["state"]["key"])


def test_streams_are_uniform():
    sample = torch.rand(200_000, generator=Streams(3, 1, ModelRole.GENERATOR).at(Role.LATENTS)).numpy()
    counts = np.histogram(sample, bins=100, range=(0, 1))[0]
    assert (((counts - 2000) ** 2) / 2000).sum() < 149  # chi-squared with 99 degrees of freedom, p = 0.001


def test_numpy_streams_differ_by_role():
    assert numpy_stream(0, Role.TRAIN_DATA).random() != numpy_stream(0, Role.TEST_DATA).random()
