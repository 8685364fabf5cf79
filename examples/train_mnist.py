"""Train on MNIST, look at what was learnt, read a picture with it. Some 40 s on two cores.

python examples/train_mnist.py [RECIPE] [DATA] [FOLDER OF LABELLED PICTURES]
"""

import sys
from pathlib import Path

import inkdigits

HERE = Path(__file__).parent


def main(recipe: str = "fast", data: str = "auto", mine: str | None = None) -> None:
    # One call: data, training, one score on the test set, a folder with models and a report.
    run = inkdigits.train(data, recipe)
    print(run)
    for row in run.history:
        print(f"epoch {row['epoch']}: loss {row['loss']:.4f}, val_accuracy {row['val_accuracy']}")

    # Figures are Matplotlib's: show them in a notebook, or save them as you like.
    run.plots["confusion_matrix"].savefig("confusion.png")

    # The model reads pictures, as the shipped one does.
    reader = inkdigits.Reader(run)
    for picture in sorted(HERE.glob("[0-9]_*.???")):
        reading = reader.predict(picture)
        print(f"{picture.name}: {reading.digit} {reading.confidence:.1%} {reading.reason}")

    # And it is scored on other people's digits: class folders of photos, say.
    if mine is not None:
        report = run.evaluate(mine)
        print(report)
        report.save(Path("mine-evaluated"))

    print(f"open {run.folder / 'report.html'}; continue with: inkdigits train --from {run.folder}")


if __name__ == "__main__":
    main(*sys.argv[1:])
