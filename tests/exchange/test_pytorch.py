"""PyTorch's network and ours, with each other's weights, give the same logits."""

import numpy as np
import pytest

import tinynet as tn
from tinynet.train import as_input


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def theirs(torch):
    """The network for digits, as PyTorch's users write it."""
    nn = torch.nn

    def block(i, o, padding=1):
        return [nn.Conv2d(i, o, 3, padding=padding), nn.ReLU(), nn.BatchNorm2d(o)]

    return nn.Sequential(
        *block(1, 8), *block(8, 8), *block(8, 8), nn.MaxPool2d(2),
        *block(8, 16), *block(16, 16), *block(16, 16), nn.MaxPool2d(2),
        *block(16, 20, padding=0), nn.Conv2d(20, 10, 3), nn.AvgPool2d(3), nn.Flatten(),
    )  # fmt: skip


def same_logits(torch, model, ours):
    x = as_input(tn.datasets.mnist()[1][0][:200])
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(x)).numpy()
    for network in (ours.eval(), tn.compile(ours)):
        np.testing.assert_allclose(network(x), expected, rtol=1e-5, atol=1e-5)


def test_our_weights_in_pytorch(torch):
    ours = tn.models.mnist_lite(pretrained=True)
    model = theirs(torch)
    state = {name: torch.from_numpy(np.array(a)) for name, a in ours.state_dict().items()}
    model.load_state_dict(state)  # strict: no name missing, none too many
    same_logits(torch, model, ours)


def test_pytorchs_weights_in_ours(torch):
    torch.manual_seed(0)
    model = theirs(torch)
    model(torch.randn(64, 1, 28, 28))  # running statistics that are not 0 and 1
    ours = tn.models.mnist_lite()
    ours.load_state_dict({name: tensor.numpy() for name, tensor in model.state_dict().items()})
    same_logits(torch, model, ours)


def test_by_way_of_safetensors(torch, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    torch.manual_seed(1)
    model, ours, path = theirs(torch), tn.models.mnist_lite(), tmp_path / "weights.safetensors"
    safetensors.save_model(model, path)
    tn.load(ours, path)
    same_logits(torch, model, ours)
    trained = tn.models.mnist_lite(pretrained=True)
    tn.save(trained, path)
    safetensors.load_model(model, path)
    same_logits(torch, model, trained)
