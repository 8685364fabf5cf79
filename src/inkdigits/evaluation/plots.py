"""The pictures of a run or an evaluation, good enough to print.

In: digits, history, scores. Out: Matplotlib's Figures, and PNG files of them. Needs no display.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import figure as matplotlib_figure
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from inkdigits.counts import counted
from inkdigits.data import Digits, DigitSets
from inkdigits.evaluation.scores import ECE_BINS, Scores, calibration_bins, calibration_error
from inkdigits.files import written_whole
from inkdigits.spec import CLASS_NAMES, N_CLASSES

_DPI, _SHOWN_DPI = 150, 80
_TRAIN, _HELD, _WRONG, _RIGHT = "#2a6fbb", "#d9822b", "#b3261e", "#1b7f4b"
_GRID = (5, 8)  # rows, columns of the pages that show digits
_BETWEEN = 0.1  # of pictures in rows, in their widths
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


class Figure(matplotlib_figure.Figure):
    """Matplotlib's, shown at the end of a notebook's cell also where nothing imported pyplot."""

    def _repr_png_(self) -> bytes:
        return as_png(self)


def class_distribution(sets: DigitSets) -> Figure:
    """Bars of how many images each digit has, training and test."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 4.5), layout="constrained")
        axes = figure.subplots()
        x = np.arange(N_CLASSES)
        for offset, digits, colour in ((-0.21, sets.train, _TRAIN), (0.21, sets.test, _HELD)):
            counts = np.bincount(digits.labels, minlength=N_CLASSES)
            bars = axes.bar(
                x + offset, counts, 0.4, color=colour, label=f"{digits.name} ({len(digits):,})"
            )
            axes.bar_label(bars, fmt="{:,.0f}", fontsize=7, padding=2)
        axes.set_xticks(x, CLASS_NAMES)
        axes.set(xlabel="digit", ylabel="images", title=f"Images per digit, {sets.name}")
        # Above the bars, which fill the axes.
        axes.set_ylim(top=axes.get_ylim()[1] * 1.12)
        axes.legend(frameon=False, loc="upper right", ncols=2)
        return figure


def sample_digits(digits: Digits, seed: int) -> Figure:
    """40 digits with their labels, four of each class where there are as many."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(digits))
    rank = np.empty(len(digits), int)  # 0 for the first of its class met, 1 for the second, ...
    seen = np.zeros(N_CLASSES, int)
    for i in shuffled:
        rank[i] = seen[digits.labels[i]]
        seen[digits.labels[i]] += 1
    chosen = sorted(shuffled[: len(shuffled)], key=lambda i: (rank[i], digits.labels[i]))[:40]
    return _digit_page(
        digits.images[chosen],
        [str(digits.labels[i]) for i in chosen],
        ["black"] * len(chosen),
        f"{len(chosen)} digits of {digits.name}",
    )


def training_history(history: Sequence[dict[str, float | None]]) -> Figure:
    """Loss, accuracy and learning rate by epoch."""
    epochs = [row["epoch"] for row in history]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(12, 4), layout="constrained")
        for axes, (train, held, title, factor) in zip(
            figure.subplots(1, 3),
            (
                ("loss", "val_loss", "Loss (cross-entropy, nats)", 1),
                ("accuracy", "val_accuracy", "Accuracy (%)", 100),
                ("learning_rate", None, "Learning rate", 1),
            ),
            strict=True,
        ):
            for key, colour, label in ((train, _TRAIN, "training"), (held, _HELD, "validation")):
                values = [row[key] for row in history if key and row[key] is not None]
                if values:
                    scaled = [factor * float(v) for v in values if v is not None]
                    axes.plot(epochs, scaled, "o-", ms=3.5, color=colour, label=label)
            axes.set(xlabel="epoch" if len(epochs) > 1 else "epoch (there was one)", title=title)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.grid(alpha=0.25)
            if held:
                axes.legend(frameon=False)
        return figure


def confusion_matrix(scores: Scores) -> Figure:
    """Counts of true digit against digit read; colour shows the errors, not the diagonal."""
    import seaborn as sns  # here, for the same reason as in scores: it loads scipy.stats

    matrix = np.array(scores.matrix)
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 7), layout="constrained")
        axes = figure.subplots()
        # Coloured by errors alone: next to a diagonal of about 1,000 they would all be white.
        sns.heatmap(
            wrong,
            mask=np.eye(N_CLASSES, dtype=bool),
            annot=True,
            fmt="d",
            cmap="Oranges",
            vmin=0,
            vmax=max(1, int(wrong.max())),  # without an error all would be of one strong colour
            cbar_kws={
                "label": "images read wrongly",
                "shrink": 0.8,
                "ticks": MaxNLocator(integer=True, min_n_ticks=1),
            },
            linewidths=0.5,
            linecolor="#dddddd",
            square=True,
            xticklabels=CLASS_NAMES,
            yticklabels=CLASS_NAMES,
            ax=axes,
        )
        for i in range(N_CLASSES):
            axes.add_patch(Rectangle((i, i), 1, 1, fc="#dcebf7", ec="#dddddd", lw=0.5))
            axes.text(i + 0.5, i + 0.5, f"{matrix[i, i]:,}", ha="center", va="center")
        errors = scores.n - int(np.trace(matrix))
        axes.set(
            xlabel="read as",
            ylabel="true digit",
            title=f"{scores.accuracy:.2%} right: {errors:,} of {counted(scores.n, 'image')} "
            "read wrongly",
        )
        axes.tick_params(axis="y", rotation=0)
        return figure


def predictions(digits: Digits, probabilities: NDArray[np.float32], *, correct: bool) -> Figure:
    """A page of digits read right (the least sure first) or wrong (the surest first)."""
    answers, confidence = probabilities.argmax(1), probabilities.max(1)
    right = answers == digits.labels
    chosen = np.flatnonzero(right == correct)
    chosen = chosen[np.argsort(confidence[chosen], kind="stable")]
    total = len(chosen)
    chosen = (chosen if correct else chosen[::-1])[: _GRID[0] * _GRID[1]]
    if correct:
        captions = [f"{answers[i]}  {confidence[i]:.0%}" for i in chosen]
        title = f"{len(chosen)} of {total:,} read right, least confident first"
    else:
        captions = [f"{answers[i]} {confidence[i]:.0%}, is {digits.labels[i]}" for i in chosen]
        title = f"{len(chosen)} of {total:,} read wrongly, most confident first"
    return _digit_page(
        digits.images[chosen], captions, [_RIGHT if correct else _WRONG] * total, title
    )


def calibration(labels: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> Figure:
    """The share of right answers in each bin of confidence; calibrated ones are on the line."""
    bins = [bin for bin in calibration_bins(labels, probabilities) if bin.n]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="#8a939d", lw=1, ls="--", label="perfect calibration")
        bars = axes.bar(
            [bin.confidence / bin.n for bin in bins],
            [bin.right / bin.n for bin in bins],
            0.5 / ECE_BINS,
            color=_TRAIN,
            label="answers (above the bar: their number)",
        )
        axes.bar_label(bars, [f"{bin.n:,}" for bin in bins], fontsize=7, padding=2)
        axes.set(
            xlim=(0, 1.03),
            ylim=(0, 1.12),
            xlabel="confidence (mean of the bin)",
            ylabel="share right",
            title=f"Calibration: {calibration_error(labels, probabilities):.2%} off on average",
        )
        axes.legend(frameon=False, loc="upper left")
        return figure


def pareto(rows: Sequence[tuple[str, float, float, float, int]]) -> Figure:
    """Accuracy against training time, one point a recipe.

    rows: (recipe, seconds, mean accuracy in %, its sd, number of runs).
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        ordered = sorted(rows, key=lambda row: row[1])
        # On the front: nothing quicker is as accurate.
        front = [
            row
            for i, row in enumerate(ordered)
            if row[2] > max((r[2] for r in ordered[:i]), default=0)
        ]
        axes.plot([row[1] for row in front], [row[2] for row in front], color="#c3c9d1", zorder=0)
        for name, seconds, accuracy, sd, n in ordered:
            label = f"{name}: {accuracy:.2f} %, {seconds:,.{0 if seconds >= 10 else 1}f} s, n = {n}"
            axes.errorbar(seconds, accuracy, sd, fmt="o", ms=7, capsize=4, label=label)
        axes.legend(loc="lower right", fontsize=9, title="quickest first", alignment="left")
        axes.set_xscale("log")
        axes.margins(x=0.1, y=0.2)
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.grid(alpha=0.25, which="both")
        axes.set(
            xlabel="training seconds (median)",
            ylabel="test accuracy, % (mean, bar: sd)",
            title="Accuracy against training time",
        )
        return figure


def tiles(images: NDArray[np.floating[Any]], captions: Sequence[str], title: str) -> Figure:
    """Small pictures side by side, all on one scale, with 0 in white.

    images: (n, h, w): digits, filters, activations, what mattered. Where some values are under 0
    they are blue and others red, else all are grey. captions: one for each, or none at all.
    """
    most = max(float(np.abs(images).max(initial=0)), 1e-9)
    cmap, least = ("RdBu_r", -most) if images.min(initial=0) < 0 else ("gray_r", 0.0)
    columns = min(len(images), 2 * _GRID[1]) or 1
    colours = ["black"] * len(images)
    return _in_rows(images, captions, colours, columns, title, cmap, least, most)


def _digit_page(
    images: NDArray[np.uint8], captions: list[str], colours: list[str], title: str
) -> Figure:
    figure = _in_rows(images, captions, colours, _GRID[1], title, "gray_r", 0, 255)
    if not len(images):
        figure.text(0.5, 0.4, "none", ha="center", color="#666666")
    return figure


def _in_rows(
    images: NDArray[Any],
    captions: Sequence[str],
    colours: Sequence[str],
    columns: int,
    title: str,
    cmap: str,
    least: float,
    most: float,
) -> Figure:
    """The images in rows, each under its caption. In one Axes: 40 would take seconds to draw."""
    rows = max(1, -(-len(images) // columns))
    side = 9 / max(columns, _GRID[1])  # inches
    _, height, width = images.shape if len(images) else (0, 1, 1)
    tall = height / width
    caption = 0.22 / side if captions else 0.0
    across, down = 1 + _BETWEEN, tall + caption + _BETWEEN  # from one to the next, in widths
    with mpl.rc_context(_STYLE):
        size = (side * across * columns, side * down * rows + 0.45)
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(title, fontweight="bold")
        axes = figure.subplots()
        axes.axis("off")
        for number, image in enumerate(images):
            x, y = number % columns * across, number // columns * down + caption
            extent = (x, x + 1, y + tall, y)
            axes.imshow(image, cmap, extent=extent, vmin=least, vmax=most, interpolation="nearest")
            if captions:
                axes.text(
                    x + 0.5, y - 0.03, captions[number], ha="center", va="bottom", fontsize=9,
                    color=colours[number],
                )  # fmt: skip
        axes.set(xlim=(-_BETWEEN / 2, columns * across - _BETWEEN / 2), ylim=(rows * down, 0))
        axes.set_aspect("equal")
        return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    FigureCanvasAgg(figure)
    with written_whole(path) as part:
        figure.savefig(part, dpi=_DPI)


def as_png(figure: Figure) -> bytes:
    """A figure as a notebook shows it: the bytes of a PNG."""
    FigureCanvasAgg(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_SHOWN_DPI)
    return file.getvalue()
