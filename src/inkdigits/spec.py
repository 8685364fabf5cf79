"""What a digit array is: the one home of that fact.

Training, exports, picture and reader all take it from here. It is written into every exported
model's metadata, and a reader refuses a model whose metadata disagree.
Imports only errors.
"""

from __future__ import annotations

from collections.abc import Mapping

from inkdigits.errors import ModelError

SPEC_VERSION = 1

SIDE = 28  # pixels
N_PIXELS = SIDE * SIDE  # 784
INK_BOX = 20  # pixels: MNIST scales the ink's longer side to this, then centres by mass
INK, PAPER = 1.0, 0.0  # float32 values

# Networks take [0, 1] as it is, as the original project did. A network that expects standardised
# input folds that into its first layer, so that no caller can forget it.
MEAN, STD = 0.0, 1.0

CLASS_NAMES = tuple("0123456789")
N_CLASSES = len(CLASS_NAMES)

# The sorts in a picture of numbers; a sort's number is its index here. OTHER is not a sort.
SORTS = "0123456789+-×÷/=().,"
OTHER = len(SORTS)  # 20

ACCEPT = "inkdigits.accept"  # metadata: the confidence from which an answer is accepted

# Metadata of a model that was trained on digits alone; its value is NONE.
NONDIGITS, NONE = "inkdigits.nondigits", "none"

# Metadata of a first network: the confidence from which its answer needs no second one's.
CLEAR = "inkdigits.clear"

INPUT_NAME, OUTPUT_NAME = "digits", "probabilities"


def metadata() -> dict[str, str]:
    """Key and value pairs of every exported model; values are strings, as ONNX requires."""
    return {
        "inkdigits.spec": str(SPEC_VERSION),
        "inkdigits.input": f"float32 (N, 1, {SIDE}, {SIDE}), ink {INK}, paper {PAPER}",
        "inkdigits.mean": str(MEAN),
        "inkdigits.std": str(STD),
        "inkdigits.classes": ",".join(CLASS_NAMES),
    }


def check_metadata(found: Mapping[str, str], model_name: str) -> None:
    """Raise ModelError unless `found` states exactly this spec.

    found: a model file's metadata. model_name: how to call the file in the message.
    """
    for key, expected in metadata().items():
        if key not in found:
            raise ModelError(
                f"{model_name} has no metadata entry {key!r}, so what it takes is unknown; "
                "this program reads models it exported itself: inkdigits train writes model.onnx"
            )
        if found[key] != expected:
            raise ModelError(
                f"{model_name} states {key} is {found[key]!r}, this program feeds {expected!r}; "
                "train it again with this version: inkdigits train"
            )


def accept_from(found: Mapping[str, str], model_name: str) -> float:
    """The confidence from which a model's answers are accepted, in [0, 1].

    found: a model file's metadata; a model that states none accepts everything.
    Raises ModelError if it states no number in that range.
    """
    return _confidence(found, ACCEPT, "0", model_name)


def knows_nondigits(found: Mapping[str, str], model_name: str) -> bool:
    """Whether a model was trained on images without a digit, too, and so is unsure of such.

    found: a model file's metadata. Version 0.1.0 stated a level of acceptance for those alone.
    Raises what accept_from does.
    """
    return found.get(NONDIGITS) != NONE and accept_from(found, model_name) > 0


def clear_from(found: Mapping[str, str], model_name: str) -> float:
    """The confidence from which a first network's answer stands, in [0, 1].

    found: a model file's metadata; of a model that states none no answer does but one of all.
    Raises ModelError if it states no number in that range.
    """
    return _confidence(found, CLEAR, "1", model_name)


def _confidence(found: Mapping[str, str], key: str, default: str, model_name: str) -> float:
    stated = found.get(key, default)
    try:
        value = float(stated)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ModelError(f"{model_name} states {key} is {stated!r}, expected a number from 0 to 1")
    return value
