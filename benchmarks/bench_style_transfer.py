"""Style transfer: J against seconds for our descent and for three published recipes.

All descend the same J of the same network, images and size. What J is after so many evaluations
depends on no clock; so the long runs give the cost by evaluation, and the seconds an evaluation
takes are measured apart, all methods in turns. Ours has two sizes: the time of the coarse one
counts; the Keras example's trials of learning rates do not. A recipe is compared where it ends and
where it is on its way there: late, all methods creep, and who is ahead then says little about
pictures.

What keeps it below twenty minutes: ours runs once, since a run of 50 evaluations is the beginning
of one of 400; and the Keras example does the first 2,000 of its 4,000 steps. That favours the
example, which falls back as it goes on: in one full run ours was 17, 25 and 39 times as fast to
where it is after 1,000, 2,000 and 4,000. Pictures smaller than 120 × 80 would lose our coarse size.
`python -m benchmarks.alone style_transfer --sgd-steps 4000` does all of them, in half an hour.
"""

import argparse
import statistics
import time
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.alone import Record
from benchmarks.arithmetic import MATRIX_OPERATIONS, matrix_product, operations, share_of_peak
from benchmarks.pairing import in_turns
from benchmarks.results import Curve, Pairing, Quantity
from course_utils.data import load_photos, load_style
from course_utils.models import build_vgg_features
from course_utils.style_transfer import Costs, Descent, Objective, transfer_style

PAIRS = (("china", "swirling_night"), ("coffee", "woodblock"), ("chelsea", "stained_glass"))
SHARES = (0.25, 0.5, 1.0)  # of a recipe's steps, after which ours is compared with it
PICTURE = (288, 384)  # of the time of one picture and of the share of the peak

# The recipes, each from its source, with what depends on the scale of J adapted to ours.
SGD = "Keras example, SGD"  # keras.io, "Neural style transfer", 2016–2023: 4,000 steps
OF_ITS_STEPS = ", the recipe has 4,000"
KERAS_DECAY = 0.96 ** (1 / 100)
KERAS_RATES = (2e5, 4e5, 8e5, 1.6e6)  # the best after 100 steps; theirs is 100, for their J
ADAM = "TensorFlow tutorial, Adam"  # tensorflow.org: Adam(0.02, beta_1=0.99) on [0, 1]
LBFGS = "Gatys, L-BFGS, from the photo"  # Gatys's own notebook: on pixels, one size
LBFGS_NOISE = "Gatys, L-BFGS, from noise"  # his paper starts from noise
RECIPES = (SGD, ADAM, LBFGS_NOISE, LBFGS)


@dataclass(frozen=True)
class Effort:
    """How much is done: evaluations of each method, and turns of what is timed."""

    ours: int = 400
    sgd: int = 2000
    rate: int = 100  # evaluations with each learning rate, before one is chosen
    adam: int = 1000
    gatys: int = 500
    turns: int = 6
    evaluations_a_turn: int = 10
    picture: int = 50  # the default


QUICK = Effort(15, 30, 5, 15, 15, 2, 2, 2)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="how many pairs")
    parser.add_argument("--side", type=int, default=128, help="longer side of the picture")
    parser.add_argument("--sgd-steps", type=int, help="evaluations of the Keras example")
    parser.add_argument("--recipes-only", action="store_true", help="leave out rate and picture")


def measure(record: Record, options: argparse.Namespace) -> None:
    effort = QUICK if options.quick else Effort()
    if options.sgd_steps:
        effort = replace(effort, sgd=options.sgd_steps)
    side = min(options.side, 64) if options.quick else options.side
    if not options.recipes_only:
        picture_time(record, effort)
        measure_share(record, effort)
    found = [compare_recipes(record, *pair, side, effort) for pair in PAIRS[: options.pairs]]
    for name in RECIPES:
        for share, steps in steps_of(name, effort):
            each = [pair[name, steps] for pair in found]
            record.pairing(
                Pairing(
                    subject=f"style transfer to the recipe's J after {steps:,} evaluations",
                    condition=f"pictures {side} pixels long"
                    + (OF_ITS_STEPS if name == SGD else ""),
                    peer=name,
                    ours=[own for own, _ in each],
                    theirs=[theirs for _, theirs in each],
                    runs_are="pairs of images",
                    quoted=share == 1 or (name == ADAM and share == 0.5),
                )
            )


def steps_of(name: str, effort: Effort) -> list[tuple[float, int]]:
    """Where a recipe is compared: the share of its evaluations, and how many that are."""
    steps = {SGD: effort.sgd, ADAM: effort.adam}.get(name, effort.gatys)
    return [(share, round(share * steps)) for share in SHARES]


def compare_recipes(
    record: Record, content: str, style: str, side: int, effort: Effort
) -> dict[tuple[str, int], tuple[float | None, float]]:
    """One pair: (recipe, evaluations) → our seconds to the recipe's J there, and its own."""
    photo = load_photos([content], max_side=side)[content]
    height, width = photo.shape[:2]
    painting = load_style(style, image_size=(height, width))
    objective = Objective(np.float32(photo), [np.float32(painting)], Costs())
    start = photo.astype(np.float64)
    panel = f"{content} in the style {style}"
    seconds = seconds_an_evaluation(photo, painting, objective, start, effort)
    descent = Descent(steps=effort.ours, tolerance=0.0)
    history = transfer_style(photo, painting, descent=descent).history
    fine = history.heights == height
    coarse_seconds = np.count_nonzero(~fine) * seconds["ours, coarse"]
    times = coarse_seconds + np.arange(1, np.count_nonzero(fine) + 1) * seconds["ours"]
    lowest = np.fmin.accumulate(history.total[fine])
    record.curve(Curve(panel=panel, name="ours", x=times.tolist(), y=lowest.tolist()))
    record.say(f"{panel}, {width} × {height}: ours J = {lowest[-1]:.4f} after {times[-1]:.1f} s")
    descend = {
        SGD: lambda: sgd(objective, start, best_rate(objective, start, effort.rate), effort.sgd),
        ADAM: lambda: adam(objective, start, effort.adam),
        LBFGS_NOISE: lambda: lbfgs(photo, painting, "noise", effort.gatys),
        LBFGS: lambda: lbfgs(photo, painting, "content", effort.gatys),
    }
    found: dict[tuple[str, int], tuple[float | None, float]] = {}
    for name in RECIPES:
        curve = np.fmin.accumulate(descend[name]())
        clock = np.arange(1, len(curve) + 1) * seconds[name]
        record.curve(Curve(panel=panel, name=name, x=clock.tolist(), y=curve.tolist()))
        for _, steps in steps_of(name, effort):
            end, total = curve[steps - 1], float(steps * seconds[name])
            reached = lowest[-1] <= end
            own = float(times[np.argmax(lowest <= end)]) if reached else None
            found[name, steps] = (own, total)
            verdict = f"there after {own:.1f} s" if reached else "does not get there"
            record.say(f"  {name}, {steps}: J = {end:.4f} after {total:.1f} s; ours {verdict}")
    return found


def sgd(objective: Objective, start: np.ndarray, rate: float, steps: int) -> list[float]:
    """The Keras example: plain gradient descent, the rate 4 % lower every 100 steps."""
    image, costs = start.copy(), []
    for step in range(steps):
        values, gradient = objective(image)
        costs.append(values.total)
        image -= rate * KERAS_DECAY**step * gradient
    return costs


def best_rate(objective: Objective, start: np.ndarray, steps: int) -> float:
    """The learning rate with which SGD gets farthest in so many steps."""
    ends = [
        np.nan_to_num(sgd(objective, start, rate, steps)[-1], nan=np.inf) for rate in KERAS_RATES
    ]
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


def lbfgs(photo: np.ndarray, painting: np.ndarray, start: str, steps: int) -> list[float]:
    """Gatys: L-BFGS on the pixels themselves, at one size."""
    descent = Descent(steps=steps, tolerance=0.0, sizes=1, smoothing=0.0, start=start)
    return transfer_style(photo, painting, descent=descent).history.total.tolist()


def seconds_an_evaluation(photo, painting, objective, start, effort) -> dict[str, float]:
    """What an evaluation takes with each method, all of them in turns: the median turn."""
    n = effort.evaluations_a_turn

    def ours(sizes, smoothing, image=photo):
        descent = Descent(steps=n + 1, tolerance=0.0, sizes=sizes, smoothing=smoothing)
        return transfer_style(image, painting, descent=descent).history.seconds[-1] / n

    def timed(function):
        started = time.perf_counter()
        function()
        return (time.perf_counter() - started) / n

    half = np.array(Image.fromarray(photo).resize((photo.shape[1] // 2, photo.shape[0] // 2)))
    smoothing = Descent().smoothing
    sides = {
        "ours": lambda: ours(1, smoothing),
        "ours, coarse": lambda: ours(1, smoothing, half),
        SGD: lambda: timed(lambda: sgd(objective, start, 1.0, n)),
        ADAM: lambda: timed(lambda: adam(objective, start, n)),
        LBFGS: lambda: ours(1, 0.0),
    }
    turns: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(effort.turns):
        for name, side in sides.items():
            seconds = side()
            if turn > 0:  # the first warms up
                turns[name].append(seconds)
    found = {name: statistics.median(values) for name, values in turns.items()}
    return {**found, LBFGS_NOISE: found[LBFGS]}


def picture_time(record: Record, effort: Effort) -> None:
    """A picture with the defaults, in a process that has done nothing yet."""
    height, width = PICTURE
    photo = load_photos(["coffee"], max_side=None)["coffee"]
    photo = np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))
    painting = load_style("swirling_night", image_size=PICTURE)
    started = time.perf_counter()
    picture = transfer_style(photo, painting, descent=Descent(steps=effort.picture))
    seconds = time.perf_counter() - started
    record.quantity(
        Quantity(
            name=f"a picture of {width} × {height} with the defaults, "
            f"{len(picture.history.total)} evaluations",
            value=seconds,
            unit="s",
            quoted=True,
        )
    )
    record.memory_so_far(f"process that paints {width} × {height}", quoted=True)


def measure_share(record: Record, effort: Effort) -> None:
    """One evaluation's arithmetic a second, as a share of a float32 matrix product's."""
    costs = Costs()
    photo = np.random.default_rng(0).uniform(0, 255, (*PICTURE, 3)).astype(np.float32)
    objective = Objective(photo, [photo], costs)
    count = 2 * forward_operations(costs)  # the gradient takes as many as the value
    product = matrix_product()
    several = max(1, round(count / MATRIX_OPERATIONS))  # so that both take as long
    seconds = in_turns(
        {
            "ours": lambda: objective(photo),
            "product": lambda: [product() for _ in range(several)],
        },
        turns=3 if effort is QUICK else 21,
    )
    products = [each / several for each in seconds["product"]]
    record.quantity(share_of_peak("style transfer's cost", count, seconds["ours"], products))


def forward_operations(costs: Costs) -> int:
    """Multiplications and additions of the network's convolutions and of the Gram matrices."""
    model = build_vgg_features([name for names in costs.used_layers for name in names])
    total = operations(model, PICTURE)
    for name in costs.style_layers:
        layer = keras.Model(model.inputs, model.get_layer(name).output)
        _, height, width, channels = layer.compute_output_shape((1, *PICTURE, 3))
        total += 2 * height * width * channels**2
    return total
