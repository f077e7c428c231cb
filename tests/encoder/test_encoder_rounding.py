"""Weights of 8 and 16 bits, against PyTorch's own quantisation and by hand."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from reid_engine.encoder import IMAGENET_ENCODER, find_spec
from reid_engine.encoder.model import load_network
from reid_engine.encoder.rounding import rounded, widened
from reid_engine.encoder.weights import read_state
from reid_engine.errors import EncoderError


def test_a_table_worked_by_hand():
    weight = torch.tensor([[1.27, -0.634], [0.0, 0.0], [-254.0, 3.1]])
    stored = rounded({"a.weight": weight, "a.bias": torch.tensor([0.1, 0.2, 0.3])}, 8)
    assert stored["a.weight"].dtype == torch.int8
    assert stored["a.weight"].tolist() == [[127, -63], [0, 0], [-127, 2]]
    torch.testing.assert_close(stored["a.weight.step"], torch.tensor([0.01, 1.0, 2.0]))
    assert stored["a.bias"].tolist() == pytest.approx([0.1, 0.2, 0.3])
    back = widened(stored)
    assert set(back) == {"a.weight", "a.bias"}
    torch.testing.assert_close(back["a.weight"], torch.tensor([[1.27, -0.63], [0.0, 0.0], [-254.0, 4.0]]))


@pytest.mark.parametrize("shape", [(8, 5), (6, 3, 3, 3), (7, 1, 5, 5)])
def test_values_are_those_of_pytorchs_quantisation(shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))
    steps = weight.flatten(1).abs().amax(1) / 127
    expected = torch.fake_quantize_per_channel_affine(
        weight, steps, torch.zeros(shape[0], dtype=torch.int32), 0, -127, 127
    )
    found = widened(rounded({"w": weight}, 8))["w"]
    assert float((found - expected).abs().max()) <= float(steps.max()) * 1.01  # ties may fall either way
    assert float((found - expected).abs().mean()) < 1e-3 * float(steps.mean())
    assert ((found - weight).abs() <= steps.reshape(-1, *[1] * (weight.ndim - 1)) * 0.5001).all()


def test_what_is_no_kernel_stays_as_it_is():
    state = {
        "bn.running_var": torch.rand(4),
        "bn.num_batches_tracked": torch.tensor(3),
        "cls_token": torch.rand(1, 1, 8),
        "logit.step": torch.rand(2),
    }
    for bits in (32, 8):
        stored = rounded(state, bits)
        assert set(stored) == set(state)
        assert all(torch.equal(stored[key], value) for key, value in state.items())
    assert all(torch.equal(widened(state)[key], value) for key, value in state.items())
    half = rounded(state, 16)
    assert {key: str(value.dtype) for key, value in half.items()}["bn.num_batches_tracked"] == "torch.int64"
    assert half["cls_token"].dtype == torch.float16


def test_other_numbers_of_bits_are_refused():
    with pytest.raises(ValueError, match="32, 16 or 8 bits, not in 4"):
        rounded({}, 4)


def test_a_networks_features_hardly_move(tmp_path):
    network, fitted = load_network(find_spec(IMAGENET_ENCODER))
    network.eval()
    inputs = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        before = network(inputs)
    state = {key: value.contiguous() for key, value in fitted.state.items()}
    save_file(rounded(state, 8), tmp_path / "eight")
    save_file(state, tmp_path / "full")
    read = read_state(tmp_path / "eight")
    assert set(read) == set(state)
    network.load_state_dict(read)
    with torch.inference_mode():
        after = network(inputs)
    cosines = torch.nn.functional.cosine_similarity(before, after)
    assert float(cosines.min()) > 0.99
    assert not torch.equal(before, after)
    sizes = [(tmp_path / name).stat().st_size for name in ("eight", "full")]
    assert sizes[0] < 0.3 * sizes[1]
    assert np.isfinite(after.numpy()).all()


@pytest.mark.parametrize("step", [torch.rand(5), torch.rand(1), torch.rand(4, 1), torch.tensor(0.1), None])
def test_steps_that_do_not_fit_are_told(tmp_path, step):
    stored = rounded({"w": torch.rand(4, 3), "bias": torch.rand(4)}, 8)
    del stored["w.step"]
    save_file({**stored, **({} if step is None else {"w.step": step})}, tmp_path / "torn")
    with pytest.raises(EncoderError, match=r"torn: the steps of its 8-bit weights do not fit them \(w\); get the file"):
        read_state(tmp_path / "torn")
