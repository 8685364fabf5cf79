import numpy as np
import onnxruntime as ort
import pytest
import torch

from inkdigits.errors import ModelError
from inkdigits.exports.finding import save_close_up, save_finder
from inkdigits.training.finding.loop import network_of
from inkdigits.training.finding.start import network_from

SHAPES = {"finder": (6, 1, 64, 96), "closeup": (6, 2, 48, 48)}


def trained(kind):
    """A network of random weights whose batch normalisations have statistics of their own."""
    torch.manual_seed(5)
    network = network_of(kind).train()
    with torch.no_grad():
        for _ in range(3):
            network(1 + 2 * torch.randn(SHAPES[kind]))
    return network.eval()


@pytest.mark.parametrize(("kind", "save"), [("finder", save_finder), ("closeup", save_close_up)])
def test_a_file_becomes_the_network_that_it_was_written_from(tmp_path, kind, save):
    path = tmp_path / "network.onnx"
    save(trained(kind), path, {})
    pictures = torch.randn(SHAPES[kind])
    network = network_from(kind, path, pictures)
    session = ort.InferenceSession(path.read_bytes())
    answers = session.run(None, {session.get_inputs()[0].name: pictures.numpy()})
    with torch.no_grad():
        given = network.eval()(pictures)
        # Its statistics are those of these pictures, so training sees what reading sees.
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0
        again = network.train()(pictures)
    if kind == "finder":
        found, repeated = given[:, 2:22].numpy(), again[:, 2:22].numpy()
        expected = answers[1]
    else:
        found, repeated = given[0].softmax(1).numpy(), again[0].softmax(1).numpy()
        expected = answers[0]
    assert np.abs(found - expected).max() < 1e-4
    assert np.abs(repeated - expected).max() < 0.02  # variances over n and over n - 1


def test_another_networks_file_is_refused(tmp_path):
    save_close_up(trained("closeup"), tmp_path / "closeup.onnx", {})
    with pytest.raises(ModelError, match="holds another network than FinderNetwork"):
        network_from("finder", tmp_path / "closeup.onnx", torch.zeros(SHAPES["finder"]))
