"""Networks of a user's own layers: checked at birth, written as text and read back."""

import pytest

from inkdigits.errors import ConfigError
from inkdigits.training.networks import (
    NETWORKS,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Network,
    Norm,
    Relu,
    network_name,
    network_named,
)


def test_parameters_and_shapes_by_hand():
    network = Network(
        [Conv(4, 5), MaxPool(), Norm(), Relu(), Conv(6, 2, padding="same", bias=False),
         Flatten(), Dropout(0.5), Dense(7), Dense(10)]
    )  # fmt: skip
    # 28 - 5 + 1 = 24, halved 12; padded it stays 12; 6 * 12 * 12 = 864.
    assert network.shapes == (
        (1, 28, 28), (4, 24, 24), (4, 12, 12), (4, 12, 12), (4, 12, 12), (6, 12, 12), (864,),
        (864,), (7,), (10,),
    )  # fmt: skip
    conv, norm, dense = 4 * 25 + 4 + 6 * 4 * 4, 4 * 4, 864 * 7 + 7 + 7 * 10 + 10
    assert network.parameters == conv + norm + dense


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Dense(10)], r"layer 1 of the network, Dense\(10\): is given 1 channels of 28x28 pixels, "
         r"expected features; put Flatten\(\) before it"),
        ([MaxPool()] * 4 + [MaxPool(), Flatten(), Dense(10)],
         r"layer 5 .*MaxPool\(\): is given 1x1 pixels, expected 2x2 or more; leave it out"),
        ([MaxPool(7), Conv(8, 5), Flatten(), Dense(10)],
         r"layer 2 .*is given 4x4 pixels, expected 5x5 or more; leave a MaxPool out before it"),
        ([Flatten(), Conv(8), Dense(10)], r"layer 2 .*Conv\(8\): comes after Flatten"),
        ([Flatten(), MaxPool(), Dense(10)], r"layer 2 .*MaxPool\(\): comes after Flatten"),
        ([Flatten(), Flatten(), Dense(10)], r"layer 2 .*Flatten\(\): is flat already"),
        ([Flatten(), Dense(11)], r"last layer is Dense\(11\), expected Dense\(10\)"),
        ([Flatten(), Dense(10), Relu()], r"last layer is Relu\(\), expected Dense\(10\)"),
        ([], r"last layer is missing, expected Dense\(10\)"),
        ([Conv(0), Flatten(), Dense(10)], "filters is 0, expected a whole number from 1 to 10,000"),
        ([Conv(8, 2.5), Flatten(), Dense(10)], "kernel is 2.5, expected a whole number"),
        ([Conv(True), Flatten(), Dense(10)], "filters is True, expected a whole number"),
        ([Conv(8, padding="full"), Flatten(), Dense(10)], "padding is 'full', expected 'same' or"),
        ([Flatten(), Dropout(1), Dense(10)], "rate is 1, expected a share from 0 to 0.99"),
        ([Flatten(), Norm(float("nan")), Dense(10)], "epsilon is nan, expected a number over 0"),
        ([Flatten, Dense(10)], "layer 1 of the network.*Flatten.*is not a layer; expected Conv"),
        ([Flatten(), Dense(100_000), Dense(10)], "has 79,500,010 parameters, expected at most 25"),
        # 4,000 * 784 twice, then a value for each filter, twice, and ten.
        ([Conv(4_000, 1), Relu(), MaxPool(28), Flatten(), Dense(10)],
         "has 6,280,010 values between its layers, expected at most 5,000,000"),
    ],
)  # fmt: skip
def test_layers_that_cannot_be_are_named(layers, message):
    with pytest.raises(ConfigError, match=message):
        Network(layers)


def test_a_start_that_is_none_is_named():
    with pytest.raises(ConfigError, match="initial is 'zeros', expected one of glorot_uniform"):
        Network([Flatten(), Dense(10)], initial="zeros")


def test_the_text_of_a_network_gives_it_back():
    own = Network([Conv(4, 5), Norm(1e-3), Flatten(), Dense(10)], initial="glorot_uniform")
    text = "Conv(4, kernel=5), Norm(epsilon=0.001), Flatten(), Dense(10), initial='glorot_uniform'"
    assert network_name(own) == str(own) == text
    for network in (own, *NETWORKS.values()):
        assert network_named(str(network)) == network
    assert network_name(Network(list(NETWORKS["nano"].layers))) == "nano"


@pytest.mark.parametrize(
    "text",
    [
        "huge", "", "Dense", "Flatten(), Dense(10)) + (1", "Flatten(), Dense(10**9), Dense(10)",
        "__import__('os').remove('x')", "Flatten(), Dense(10), seed=1", "Flatten(), Convolution(3)",
        "Flatten(), Relu(rate=1), Dense(10)", "(" * 9_000, "Dense(1)," * 9_000, "Flatten(\0)",
    ],
)  # fmt: skip
def test_a_text_that_is_no_network_is_refused_and_nothing_is_run(text):
    with pytest.raises(ConfigError, match=r"expected one of original, nano, .* layers like 'Conv"):
        network_named(text)


def test_a_text_of_layers_that_cannot_be_names_the_layer():
    with pytest.raises(ConfigError, match=r"layer 1 of the network, Dense\(10\)"):
        network_named("Dense(10)")
