"""The gradients that are computed here are PyTorch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from reid_engine.training.depthwise import Depthwise, take_over_depthwise


@pytest.mark.parametrize(
    ("channels", "side", "stride", "padding", "size"),
    [(8, 5, 1, 2, 7), (16, 3, 2, 1, 9), (3, 5, 2, 2, 8), (24, 5, 2, 0, 11), (4, 7, 1, 3, 5), (6, 5, 1, 2, 1)],
)
def test_gradients_are_those_of_float32(channels, side, stride, padding, size):
    torch.manual_seed(0)
    convolution = nn.Conv2d(channels, channels, side, stride, padding, groups=channels, bias=False)
    fast = Depthwise(convolution)
    pictures = torch.randn(3, channels, size, size).to(torch.bfloat16).float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = fast(pictures)
    outer = torch.randn_like(result)
    found = torch.autograd.grad(result, (pictures, fast.weight), outer)
    exact_weight = convolution.weight.detach().to(torch.bfloat16).float().requires_grad_()
    exact = functional.conv2d(pictures, exact_weight, stride=stride, padding=padding, groups=channels)
    wanted = torch.autograd.grad(exact, (pictures, exact_weight), outer.float())
    torch.testing.assert_close(result.float(), exact, rtol=1e-2, atol=2e-2)
    torch.testing.assert_close(found[0], wanted[0], rtol=2**-8, atol=1e-5)  # rounded once, to 8 bits
    torch.testing.assert_close(found[1], wanted[1], rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def network():
    from timm import create_model

    torch.manual_seed(0)
    return create_model("tf_efficientnet_lite0", num_classes=0)


def test_a_network_keeps_its_parameters_and_its_features(network):
    import copy

    changed = copy.deepcopy(network).eval()
    assert take_over_depthwise(changed) > 5
    assert list(changed.state_dict()) == list(network.state_dict())
    assert [name for name, _ in changed.named_parameters()] == [name for name, _ in network.named_parameters()]
    pictures = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(changed(pictures), network.eval()(pictures))


def test_a_network_learns_by_the_same_gradients(network):
    """The gradients differ from those in float32 no more than PyTorch's own in bfloat16 do."""
    import copy

    pictures = torch.rand(4, 3, 64, 64)

    def learn(one, fast):
        one.eval().to(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast):
            features = one(pictures.contiguous(memory_format=torch.channels_last))
        features.float().pow(2).sum().backward()
        return torch.cat([parameter.grad.flatten() for parameter in one.parameters()])

    exact = learn(copy.deepcopy(network), False)
    torchs = learn(copy.deepcopy(network), True)
    changed = copy.deepcopy(network)
    take_over_depthwise(changed)
    ours = learn(changed, True)
    alike = functional.cosine_similarity
    assert alike(ours, exact, dim=0) > alike(torchs, exact, dim=0) - 0.01
    assert alike(ours, exact, dim=0) > 0.95


def test_frozen_stages_ask_for_no_gradient(network):
    import copy

    changed = copy.deepcopy(network)
    take_over_depthwise(changed)
    changed.requires_grad_(False)
    changed.conv_head.weight.requires_grad_(True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        changed(torch.rand(2, 3, 64, 64)).sum().backward()
    assert changed.conv_head.weight.grad is not None
    assert all(parameter.grad is None for parameter in changed.blocks.parameters())
