"""Style transfer: J against seconds for our descent and for three published recipes.

All four descend the same J of the same network, images and size. What J is after so many
evaluations depends on no clock; so the long runs give the cost by evaluation, and the seconds an
evaluation takes are measured apart, all methods in turns. Ours has two sizes: the time of the
coarse one counts. A recipe is compared where it ends and where it is on its way there: late, all
methods creep, and who is ahead then says little about pictures.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from course_utils.data import load_photos, load_style
from course_utils.models import build_vgg_features
from course_utils.session import start_session
from course_utils.style_transfer import Costs, Descent, Objective, transfer_style

PAIRS = (("china", "swirling_night"), ("coffee", "woodblock"), ("chelsea", "stained_glass"))
LONGER_SIDE = 128  # of the long runs: 4,000 evaluations of each pair
OUR_STEPS = (50, 100, 200, 400)  # at the last size: the default, and as many as patience allows
SHARES = (0.25, 0.5, 1.0)  # of a recipe's steps, after which ours is compared with it
TURNS = 5
EVALUATIONS_A_TURN = 10

# The recipes, each from its source, with what depends on the scale of J adapted to ours.
KERAS_STEPS, KERAS_DECAY = 4000, 0.96 ** (1 / 100)  # keras.io, "Neural style transfer", 2016–2023
KERAS_RATES = (2e5, 4e5, 8e5, 1.6e6)  # the best after 100 steps; theirs is 100, for their J
TUTORIAL_STEPS = 1000  # tensorflow.org, "Neural style transfer": Adam(0.02, beta_1=0.99) on [0, 1]
GATYS_STEPS = 500  # Gatys's own notebook: L-BFGS on pixels, one size; his paper starts from noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="how many pairs")
    parser.add_argument("--side", type=int, default=LONGER_SIDE, help="longer side of the picture")
    parser.add_argument("--recipes-only", action="store_true", help="leave out rate and picture")
    parser.add_argument("--json", type=Path, help="where to write all curves")
    options = parser.parse_args([] if __name__ != "__main__" else None)
    if not options.recipes_only:
        share_of_peak()
        picture_time()
    found = [compare_recipes(*pair, options.side) for pair in PAIRS[: options.pairs]]
    print("Time of the recipe over our time to the same J (0: never), median over the pairs:")
    for name in found[0]["ratios"]:
        ratios = [pair["ratios"][name] for pair in found]
        print(f"  {name}: {statistics.median(ratios):.1f} {[round(ratio, 1) for ratio in ratios]}")
    if options.json:
        options.json.write_text(json.dumps(found))


def compare_recipes(content: str, style: str, side: int) -> dict:
    """One pair: all curves, and how long ours takes to where each of the others ends."""
    photo = load_photos([content], max_side=side)[content]
    height, width = photo.shape[:2]
    painting = load_style(style, image_size=(height, width))
    objective = Objective(np.float32(photo), [np.float32(painting)], Costs())
    start = photo.astype(np.float64)
    curves = {
        "Keras example, SGD": sgd(objective, start, best_rate(objective, start), KERAS_STEPS),
        "TensorFlow tutorial, Adam": adam(objective, start, TUTORIAL_STEPS),
        "L-BFGS, one size, from C": lbfgs(photo, painting, "content"),
        "L-BFGS, one size, from noise": lbfgs(photo, painting, "noise"),
    }
    curves = {name: np.minimum.accumulate(curve) for name, curve in curves.items()}
    seconds = seconds_an_evaluation(photo, painting, objective, start)
    ours = {}
    for steps in OUR_STEPS:
        history = transfer_style(
            photo, painting, descent=Descent(steps=steps, tolerance=0.0)
        ).history
        fine = history.heights == height
        coarse_seconds = np.count_nonzero(~fine) * seconds["ours, coarse"]
        times = coarse_seconds + np.arange(1, np.count_nonzero(fine) + 1) * seconds["ours"]
        ours[steps] = (times, np.minimum.accumulate(history.total[fine]))
    print(f"{content} in the style {style}, {width} × {height}; ours:")
    for steps, (times, lowest) in ours.items():
        print(f"  {steps} evaluations: J = {lowest[-1]:.4f} after {times[-1]:.1f} s")
    ratios = {}
    for name, curve in curves.items():
        for share in SHARES:
            steps = round(share * len(curve))
            label, end, total = f"{name}, {steps}", curve[steps - 1], steps * seconds[name]
            reached = [t[np.argmax(low <= end)] for t, low in ours.values() if low[-1] <= end]
            ratios[label] = float(total / min(reached)) if reached else 0.0
            verdict = "does not get there"
            if reached:
                verdict = f"there after {min(reached):.1f} s, {ratios[label]:.1f} times as fast"
            print(
                f"  {label} evaluations: J = {end:.4f} after {total:.1f} s; ours {verdict}",
                flush=True,
            )
    return {
        "content": content,
        "style": style,
        "size": [height, width],
        "seconds": seconds,
        "ratios": ratios,
        "ours": {
            steps: {"J": lowest.tolist(), "seconds": times.tolist()}
            for steps, (times, lowest) in ours.items()
        },
        "recipes": {name: curve.tolist() for name, curve in curves.items()},
    }


def sgd(objective: Objective, start: np.ndarray, rate: float, steps: int) -> list[float]:
    """The Keras example: plain gradient descent, the rate 4 % lower every 100 steps."""
    image, costs = start.copy(), []
    for step in range(steps):
        values, gradient = objective(image)
        costs.append(values.total)
        image -= rate * KERAS_DECAY**step * gradient
    return costs


def best_rate(objective: Objective, start: np.ndarray) -> float:
    """The learning rate with which SGD gets farthest in 100 steps."""
    ends = [np.nan_to_num(sgd(objective, start, rate, 100)[-1], nan=np.inf) for rate in KERAS_RATES]
    return KERAS_RATES[int(np.argmin(ends))]


def adam(objective: Objective, start: np.ndarray, steps: int) -> list[float]:
    """The TensorFlow tutorial: Adam on pixels in [0, 1], clipped after each step."""
    variable = tf.Variable(start / 255, dtype=tf.float32)
    optimizer = keras.optimizers.Adam(0.02, beta_1=0.99, epsilon=1e-7)
    costs = []
    for _ in range(steps):
        values, gradient = objective(variable.numpy() * 255)
        costs.append(values.total)
        optimizer.apply([tf.constant(gradient * 255)], [variable])
        variable.assign(tf.clip_by_value(variable, 0.0, 1.0))
    return costs


def lbfgs(photo: np.ndarray, painting: np.ndarray, start: str) -> list[float]:
    """Gatys: L-BFGS on the pixels themselves, at one size."""
    descent = Descent(steps=GATYS_STEPS, tolerance=0.0, sizes=1, smoothing=0.0, start=start)
    return transfer_style(photo, painting, descent=descent).history.total.tolist()


def seconds_an_evaluation(photo, painting, objective, start) -> dict[str, float]:
    """What an evaluation takes with each method, all of them in turns: the median turn."""

    def ours(sizes, smoothing, image=photo):
        steps = EVALUATIONS_A_TURN + 1
        descent = Descent(steps=steps, tolerance=0.0, sizes=sizes, smoothing=smoothing)
        seconds = transfer_style(image, painting, descent=descent).history.seconds
        return seconds[-1] / EVALUATIONS_A_TURN

    def timed(function, steps):
        started = time.perf_counter()
        function(steps)
        return (time.perf_counter() - started) / steps

    half = np.array(Image.fromarray(photo).resize((photo.shape[1] // 2, photo.shape[0] // 2)))
    smoothing, n = Descent().smoothing, EVALUATIONS_A_TURN
    sides = {
        "ours": lambda: ours(1, smoothing),
        "ours, coarse": lambda: ours(1, smoothing, half),
        "Keras example, SGD": lambda: timed(lambda k: sgd(objective, start, 1.0, k), n),
        "TensorFlow tutorial, Adam": lambda: timed(lambda k: adam(objective, start, k), n),
        "L-BFGS, one size, from C": lambda: ours(1, 0.0),
    }
    turns: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(TURNS + 1):
        for name, side in sides.items():
            seconds = side()
            if turn > 0:  # the first warms up
                turns[name].append(seconds)
    found = {name: statistics.median(values) for name, values in turns.items()}
    return {**found, "L-BFGS, one size, from noise": found["L-BFGS, one size, from C"]}


def picture_time() -> None:
    """A picture of 384 × 288 with the defaults, in a process that has done nothing yet."""
    photo = load_photos(["coffee"], max_side=None)["coffee"]
    photo = np.array(Image.fromarray(photo).resize((384, 288), Image.Resampling.LANCZOS))
    painting = load_style("swirling_night", image_size=(288, 384))
    started = time.perf_counter()
    picture = transfer_style(photo, painting)
    seconds = time.perf_counter() - started
    evaluations = len(picture.history.total)
    print(
        f"A picture of 384 × 288 with the defaults: {seconds:.1f} s, {evaluations} evaluations at "
        f"{len(set(picture.history.heights.tolist()))} sizes, ended: {picture.ended}"
    )


def share_of_peak() -> None:
    """One evaluation's arithmetic a second, as a share of a float32 matrix product's."""
    size, side = (288, 384), 2048
    costs = Costs()
    photo = np.random.default_rng(0).uniform(0, 255, (*size, 3)).astype(np.float32)
    objective = Objective(photo, [photo], costs)
    operations = 2 * forward_operations(costs, size)  # the gradient takes as many as the value
    matrix = tf.random.normal((side, side))

    def product():
        return tf.matmul(matrix, matrix).numpy()

    peaks, rates = [], []
    for turn in range(TURNS + 1):
        for rate, function, work, repeats in (
            (peaks, product, 2 * side**3, 10),
            (rates, lambda: objective(photo), operations, 3),
        ):
            started = time.perf_counter()
            for _ in range(repeats):
                function()
            if turn > 0:
                rate.append(work * repeats / (time.perf_counter() - started) / 1e9)
    shares = [rate / peak for rate, peak in zip(rates, peaks, strict=True)]
    print(
        f"An evaluation at 384 × 288: {statistics.median(rates):.0f} GFLOP/s, a matrix product of "
        f"{side}: {statistics.median(peaks):.0f} GFLOP/s; share of the peak "
        f"{statistics.median(shares):.0%} [{min(shares):.0%}, {max(shares):.0%}]"
    )


def forward_operations(costs: Costs, size: tuple[int, int]) -> int:
    """Multiplications and additions of the network's convolutions and of the Gram matrices."""
    layers = [name for names in costs.used_layers for name in names]
    model = build_vgg_features(layers)
    shape, total = (1, *size, 3), 0
    for layer in model.layers[1:]:
        shape = layer.compute_output_shape(shape)
        if isinstance(layer, keras.layers.Conv2D):
            total += 2 * int(np.prod(layer.kernel.shape)) * shape[1] * shape[2]
        if layer.name in costs.style_layers:
            total += 2 * shape[1] * shape[2] * shape[3] ** 2
    return total


if __name__ == "__main__":
    start_session(seed=0, deterministic=False)
    print(f"Python {sys.version.split()[0]}, TensorFlow {tf.__version__}")
    main()
