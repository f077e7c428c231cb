"""The learning rate rises and falls; the last stages learn first; batch statistics stay or follow."""

import numpy as np
import pytest
import timm
import torch

from reid_engine.errors import TrainingError
from reid_engine.training import loss
from reid_engine.training.schedule import default_rate, picture_size, rate_factor, stages, unfreeze
from reid_engine.training.settings import LOSSES


def test_rate_rises_to_one_and_falls_to_nearly_nothing():
    factors = [rate_factor(step, 100) for step in range(100)]
    top = int(np.argmax(factors))
    assert (top, factors[top]) == (9, 1)
    assert factors[:10] == sorted(factors[:10])
    assert factors[9:] == sorted(factors[9:], reverse=True)
    assert 0 < factors[-1] < 0.01


@pytest.mark.parametrize("architecture", ["tf_efficientnet_lite0", "resnet18", "vit_tiny_patch16_224"])
def test_stages_hold_every_parameter_once_and_the_last_learn_first(architecture):
    network = timm.create_model(architecture, pretrained=False, num_classes=0)
    names = [name for stage in stages(network) for name in stage]
    assert sorted(names) == sorted(name for name, _ in network.named_parameters())
    unfreeze(network, all_stages=False)
    free = [name for name, value in network.named_parameters() if value.requires_grad]
    assert set(stages(network)[-1]) <= set(free)
    assert not set(stages(network)[0]) & set(free)
    unfreeze(network, all_stages=True)
    assert all(value.requires_grad for value in network.parameters())


@pytest.mark.parametrize(("kept", "all_stages"), [(3, True), (3, False), (100, True)])
def test_stages_that_are_kept_never_learn(kept, all_stages):
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    before = {name: value.clone() for name, value in network.named_buffers()}
    unfreeze(network, all_stages=all_stages, statistics=True, kept=kept)
    free = {name for name, value in network.named_parameters() if value.requires_grad}
    order = stages(network)
    first = min(kept, len(order) - 1)
    assert not free & {name for stage in order[:first] for name in stage}
    assert set(order[-1]) <= free
    assert all_stages == ({name for stage in order[first:] for name in stage} == free)
    network(torch.randn(4, 3, 64, 64))
    after = dict(network.named_buffers())
    assert torch.equal(before["bn1.running_mean"], after["bn1.running_mean"])
    assert torch.equal(before["blocks.1.1.bn3.running_var"], after["blocks.1.1.bn3.running_var"])


def test_batch_statistics_stay():
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    before = {name: value.clone() for name, value in network.named_buffers()}
    unfreeze(network, all_stages=True)
    network(torch.randn(4, 3, 64, 64))
    assert all(torch.equal(before[name], value) for name, value in network.named_buffers())


def test_statistics_of_what_learns_follow_the_batches_where_they_may():
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    before = {name: value.clone() for name, value in network.named_buffers()}
    unfreeze(network, all_stages=False, statistics=True)
    network(torch.randn(4, 3, 64, 64))
    changed = {name for name, value in network.named_buffers() if not torch.equal(before[name], value)}
    assert "bn2.running_mean" in changed
    assert "bn1.running_mean" not in changed


def test_pictures_grow_for_the_last_three_tenths():
    assert [picture_size(epoch, 10, 128, 176) for epoch in range(10)] == [128] * 7 + [176] * 3
    assert [picture_size(epoch, 10, 128, None) for epoch in range(10)] == [128] * 10
    assert [picture_size(epoch, 4, None, 96) for epoch in range(4)] == [None, None, None, 96]


def test_transformers_learn_slower():
    assert default_rate("vit_base_patch14_dinov2") < default_rate("tf_efficientnet_lite0")


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_lower_for_features_that_tell_subjects_apart(name):
    labels = torch.arange(6).repeat_interleave(3)
    dice = torch.Generator().manual_seed(0)
    apart = torch.eye(6)[labels] + 0.05 * torch.randn(18, 6, generator=dice)
    mixed = torch.randn(18, 6, generator=dice)
    made = loss.make_loss(name)
    assert float(made(apart, labels)) < float(made(mixed, labels))


def test_an_unknown_loss_is_refused():
    with pytest.raises(TrainingError, match=r"no loss is called 'hinge'; there are multi-similarity, supcon"):
        loss.look_at_loss("hinge")


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(loss.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=r"pip install reid-engine\[train\]"):
        loss.look_at_loss("supcon")
