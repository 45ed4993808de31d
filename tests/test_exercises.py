import ast
import functools
import heapq
import inspect
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import keras
import numpy as np
import pytest
from keras import ops

from course_utils import exercises, losses
from course_utils.exercises import Verdict

SOURCES = sorted((Path(__file__).parent.parent / "notebooks" / "src").glob("[0-9][0-9]_*.py"))
CHECKS = [name for name in exercises.__all__ if name.startswith("check_")]
ADDRESS = re.compile(r"0x[0-9a-f]{6,}", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """An exercise: one right answer, other right ones, and wrong ones with what must be said."""

    solution: Any
    also_right: dict[str, Any]
    wrong: dict[str, tuple[Any, str]]  # what is wrong → (answer, pattern of the message)

    @property
    def takes_a_function(self):
        return callable(self.solution)


def first_within(distances, names, threshold):
    within = [name for name, d in zip(names, distances, strict=True) if d <= threshold]
    return within[0] if within else "nobody"


def identify(distances, names, threshold):
    return names[np.argmin(distances)] if min(distances) <= threshold else "nobody"


def identify_or_none(distances, names, threshold):
    if min(distances) <= threshold:
        return names[np.argmin(distances)]
    return None


def nearest_by(reduce):
    def answer(distances, template_labels):
        people = np.unique(template_labels)
        return people[
            np.argmin([reduce(distances[template_labels == person]) for person in people])
        ]

    return answer


def open_set_rates(named_right, employees, strangers, threshold):
    return np.mean(strangers <= threshold), np.mean(~named_right | (employees > threshold))


def fnir_as(formula):
    """A right FPIR beside a wrong FNIR."""
    return lambda named_right, employees, strangers, threshold: (
        np.mean(strangers <= threshold),
        formula(named_right, employees, threshold),
    )


def threshold_by_sorting_in_place(impostor_distances, fmr):
    impostor_distances.sort()
    return np.nextafter(impostor_distances[round(fmr * impostor_distances.size)], -np.inf)


def squared_distances(first, second):
    return np.sum(np.square(first - second), axis=1)


def distances_pair_by_pair(encoder, first, second):
    distances = []
    for one, other in zip(first, second, strict=True):
        (one,), (other,) = encoder(one[None]), encoder(other[None])
        distances.append(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)))
    return distances


def distances_of_one_batch(encoder, first, second):
    embeddings = encoder(np.concatenate([first, second]))
    return squared_distances(*np.split(embeddings, 2))


def distances_as_a_column(encoder, first, second):
    """As a Keras layer would return them: float32, shape (batch, 1)."""
    first, second = (ops.convert_to_tensor(encoder(part), "float32") for part in (first, second))
    return ops.sum(ops.square(first - second), axis=1, keepdims=True)


def lacking(distances, margin):
    return np.maximum(margin - np.sqrt(distances), 0)


def contrastive_pair_by_pair(same, distances, margin):
    return [
        d if one_person else max(margin - math.sqrt(d), 0) ** 2
        for one_person, d in zip(same, distances, strict=True)
    ]


def contrastive_in_single_precision(same, distances, margin):
    same, distances = ops.cast(same, "float32"), ops.cast(distances, "float32")
    impostor = ops.square(ops.maximum(margin - ops.sqrt(distances), 0))
    return same * distances + (1 - same) * impostor


def share_by_counting(num_people, photos_per_person):
    genuine = num_people * math.comb(photos_per_person, 2)
    return genuine / math.comb(num_people * photos_per_person, 2)


def distance_of_two_vectors(cosine):
    return np.sum((np.array([1.0, 0.0]) - np.array([cosine, math.sqrt(1 - cosine**2)])) ** 2)


def triplet_as(loss):
    """What a formula in d(A, P), d(A, N) and the margin makes of the three photos."""
    return lambda a, p, n, margin: loss(squared_distances(a, p), squared_distances(a, n), margin)


def triplet_by_triplet(anchor, positive, negative, margin):
    found = []
    for a, p, n in zip(anchor, positive, negative, strict=True):
        to_positive = sum((x - y) ** 2 for x, y in zip(a, p, strict=True))
        to_negative = sum((x - y) ** 2 for x, y in zip(a, n, strict=True))
        found.append(max(to_positive - to_negative + margin, 0))
    return found


def triplet_of_mean_squares(anchor, positive, negative, margin):
    to_positive = np.mean((anchor - positive) ** 2, axis=1)
    to_negative = np.mean((anchor - negative) ** 2, axis=1)
    return np.maximum(to_positive - to_negative + margin, 0)


def semi_hard(positive, negatives):
    if positive >= negatives.max():
        return np.argmax(negatives)
    return np.argmin(np.where(negatives > positive, negatives, np.inf))


def semi_hard_by_sorting(positive, negatives):
    order = sorted(range(len(negatives)), key=lambda position: negatives[position])
    return next((i for i in order if negatives[i] > positive), order[-1])


def semi_hard_or_none(positive, negatives):
    farther = np.flatnonzero(negatives > positive)
    if farther.size:
        return farther[np.argmin(negatives[farther])]
    return None


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def probability_as(logits):
    """The logistic function of what a formula makes of the differences a − b."""
    return lambda a, b, weights, bias: sigmoid(logits(a - b, weights, bias))


def probability_pair_by_pair(first, second, weights, bias):
    if first.ndim == 2:
        pairs = zip(first, second, strict=True)
        return [probability_pair_by_pair(*pair, weights, bias) for pair in pairs]
    terms = (w * abs(a - b) for w, a, b in zip(weights, first, second, strict=True))
    return 1 / (1 + math.exp(-sum(terms) - bias))


def probability_in_single_precision(first, second, weights, bias):
    """As a dense layer would return it: float32, a batch as a column."""
    difference = ops.cast(np.abs(first - second), "float32")[..., None]
    logits = ops.sum(difference * ops.cast(weights, "float32")[:, None], axis=-2)
    return ops.sigmoid(logits + bias)


def probability_of_the_first_pair(first, second, weights, bias):
    found = sigmoid(np.abs(first - second) @ weights + bias)
    return np.full_like(found, found[0]) if np.ndim(found) else found


def chi2(first, second):
    total = first + second
    return np.square(first - second) / np.where(total > 0, total, 1)


def chi2_number_by_number(first, second):
    pairs = zip(first, second, strict=True)
    return [(a - b) ** 2 / (a + b) if a + b else 0 for a, b in pairs]


def chi2_with_a_mask(first, second):
    found = np.zeros_like(first)
    there = first + second > 0
    found[there] = (first - second)[there] ** 2 / (first + second)[there]
    return found


def chi2_as(formula):
    """A wrong formula in the difference and the sum, that is safe at 0."""
    return lambda a, b: np.where(a + b > 0, formula(a - b, np.where(a + b > 0, a + b, 1)), 0)


def chi2_without_zeros(first, second):
    there = first + second > 0
    return chi2(first[there], second[there])


def forward_passes(num_people, stored):
    return 1 if stored else num_people + 1


def passes_as(stored_passes):
    """Right with nothing stored, wrong with stored embeddings."""
    return lambda people, stored: stored_passes(people) if stored else people + 1


def claim_as(decide):
    """What a rule makes of the Euclidean distances to the templates."""
    return lambda probe, templates, threshold: decide(
        np.linalg.norm(templates - probe, axis=1), threshold
    )


def claim_by_norm(**options):
    """The nearest template, by another norm or along another axis."""
    return lambda probe, templates, threshold: (
        np.min(np.linalg.norm(templates - probe, **options)) <= threshold
    )


def claim_template_by_template(probe, templates, threshold):
    return any(math.dist(probe, template) <= threshold for template in templates)


def claim_or_none(probe, templates, threshold):
    if claim_template_by_template(probe, templates, threshold):
        return True
    return None


def field_as(step, first=1, less=1):
    """A receptive field whose layer l adds (k − less) · step(strides before l, its own stride)."""

    def answer(layers):
        width, before = first, []
        for kernel, stride in layers:
            width += (kernel - less) * step(before, stride)
            before.append(stride)
        return width

    return answer


receptive_field = field_as(lambda before, own: math.prod(before))


def field_backwards(layers):
    """Distill's recursion: from the unit back to the image, what a layer reads."""
    width = 1
    while layers:
        kernel, stride = layers.pop()
        width = stride * width + kernel - stride
    return width


def field_by_marking(layers):
    """The pixels themselves: which ones the unit at position 0 reads, layer by layer."""
    seen = {0}
    for kernel, stride in reversed(layers):
        seen = {position * stride + tap for position in seen for tap in range(kernel)}
    return max(seen) - min(seen) + 1


def field_from_the_first_kernel(layers):
    width, step = layers[0]
    for kernel, stride in layers[1:]:
        width, step = width + (kernel - 1) * step, step * stride
    return width


def patch_box(row, column, size, stride, offset):
    top, left = row * stride + offset, column * stride + offset
    return top, left, top + size, left + size


def box_as(begin, length=lambda size, stride: size):
    """A box whose sides begin at begin(position, size, stride, offset)."""

    def answer(row, column, size, stride, offset):
        top, left = (begin(each, size, stride, offset) for each in (row, column))
        return top, left, top + length(size, stride), left + length(size, stride)

    return answer


def box_rearranged(*order):
    return lambda *arguments: [patch_box(*arguments)[place] for place in order]


def keep_strongest(best, new):
    return np.sort(np.concatenate([best, new], axis=1), axis=1)[:, ::-1][:, : best.shape[1]]


def strongest_as(choose):
    """What a rule makes of the activations of both, side by side, and of k."""
    return lambda best, new: choose(np.concatenate([best, new], axis=1), best.shape[1])


def strongest_unit_by_unit(best, new):
    return [heapq.nlargest(len(old), [*old, *more]) for old, more in zip(best, new, strict=True)]


def strongest_by_inserting(best, new):
    """One activation after the other pushes out the weakest that is kept."""
    kept = best.copy()
    for unit, activation in ((u, a) for u in range(len(new)) for a in new[u]):
        if activation > kept[unit, -1]:
            kept[unit, -1] = activation
            kept[unit] = np.sort(kept[unit])[::-1]
    return kept


def strongest_without_duplicates(best, new):
    rows = [np.unique(row)[::-1] for row in np.concatenate([best, new], axis=1)]
    return [row[: best.shape[1]] for row in rows]


def strongest_in_place(best, new):
    best[:] = keep_strongest(best, new)
    return best


def strongest_after_sorting_in_place(best, new):
    new.sort(axis=1)
    return keep_strongest(best, new)


def painted(image, rows, columns, fill=128):
    copy = image.copy()
    copy[slice(*rows), slice(*columns)] = fill
    return copy


def square(top, left, window):
    return (top, top + window), (left, left + window)


def occlusion(distance, image, top, left, window):
    return distance(painted(image, *square(top, left, window))) - distance(image)


def occlusion_as(formula):
    """What a formula makes of the distances with the square covered, and with nothing covered."""
    return lambda distance, image, *place: formula(
        distance(painted(image, *square(*place))), distance(image)
    )


def occlusion_where(place, fill=128):
    """Right but for where the grey lies: place(top, left, window) gives rows and columns."""
    return lambda distance, image, *given: (
        distance(painted(image, *place(*given), fill)) - distance(image)
    )


def occlusion_in_float(distance, image, top, left, window):
    rows, columns = np.indices(image.shape[:2])
    inside = (rows >= top) & (rows < top + window) & (columns >= left) & (columns < left + window)
    return distance(np.where(inside[..., None], 128.0, image)) - distance(image)


def occlusion_painted_and_restored(distance, image, top, left, window):
    before, kept = distance(image), image.copy()
    image[top : top + window, left : left + window] = 128
    after = distance(image)
    image[:] = kept
    return after - before


def occlusion_without_a_copy(distance, image, top, left, window):
    covered = image
    covered[top : top + window, left : left + window] = 128
    return distance(covered) - distance(image)


def occlusion_measured_before_painting(distance, image, top, left, window):
    before = distance(image)
    image[top : top + window, left : left + window] = 128
    return distance(image) - before


def occlusion_of_one_channel(channel):
    def answer(distance, image, top, left, window):
        covered = image.copy()
        covered[top : top + window, left : left + window, channel] = 128
        return distance(covered) - distance(image)

    return answer


def occlusion_of_the_rest(distance, image, top, left, window):
    covered = np.full_like(image, 128)
    rows, columns = (slice(*side) for side in square(top, left, window))
    covered[rows, columns] = image[rows, columns]
    return distance(covered) - distance(image)


def descend(gradient, start, learning_rate, steps):
    image = start
    for _ in range(steps):
        image = np.clip(image - learning_rate * gradient(image), 0, 255)
    return image


def descend_as(step, finish=lambda image: image):
    """A descent by step(image, gradient, learning rate), which may go wrong."""

    def answer(gradient, start, learning_rate, steps):
        image = start.copy()
        for _ in range(steps):
            image = step(image, gradient(image), learning_rate)
        return finish(image)

    return answer


def descend_steps(change):
    """Right but for the number of steps."""
    return lambda gradient, start, rate, steps: descend(gradient, start, rate, change(steps))


def descend_with_the_first_gradient(gradient, start, learning_rate, steps):
    image, first = start, gradient(start)
    for _ in range(steps):
        image = np.clip(image - learning_rate * first, 0, 255)
    return image


def descend_from_the_start_each_time(gradient, start, learning_rate, steps):
    image = start
    for _ in range(steps):
        image = np.clip(start - learning_rate * gradient(image), 0, 255)
    return image


def descend_returning_in_the_loop(gradient, start, learning_rate, steps):
    for _ in range(steps):
        return np.clip(start - learning_rate * gradient(start), 0, 255)


def descend_in_place(gradient, start, learning_rate, steps):
    for _ in range(steps):
        start -= learning_rate * gradient(start)
        np.clip(start, 0, 255, out=start)
    return start


def descend_with_at_least_one_step(gradient, start, learning_rate, steps):
    return descend(gradient, start, learning_rate, max(steps, 1))


def keep_colors_pixel_by_pixel(content, generated):
    found = np.empty_like(content)
    for place in np.ndindex(content.shape[:2]):
        (r, g, b), (s, t, u) = content[place], generated[place]
        more = 0.299 * (s - r) + 0.587 * (t - g) + 0.114 * (u - b)
        found[place] = [min(max(value + more, 0), 255) for value in (r, g, b)]
    return found


def keep_colors_in_ycbcr(content, generated):
    """The table of JPEG there and back, Y exchanged."""
    there = np.array(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    )
    back = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
    exchanged = content @ there.T
    exchanged[..., 0] = (generated @ there.T)[..., 0]
    return np.clip(exchanged @ back.T, 0, 255)


def luma(image, weights=(0.299, 0.587, 0.114)):
    return image @ np.array(weights)


def colors_as(formula, luma=luma):
    """What a formula makes of the content, the generated image and their Y, (…, 1), clipped."""
    return lambda content, generated: np.clip(
        formula(content, generated, luma(content)[..., None], luma(generated)[..., None]), 0, 255
    )


def colors_stretched(content, generated):
    image = content + luma(generated - content)[..., None]
    if image.min() >= 0 and image.max() <= 255:
        return image
    return 255 * (image - image.min()) / np.ptp(image)


def fitted_size(height, width, max_side):
    scale = min(1, max_side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def fitted_as(scale, rounded=round, least=1):
    """A size that is scaled by scale(height, width, max_side), with another rounding or minimum."""

    def answer(*arguments):
        factor = scale(*arguments)
        return [max(least, rounded(side * factor)) for side in arguments[:2]]

    return answer


def fitted_by_the_longer(height, width, max_side):
    return min(1, max_side / max(height, width))


def content_cost_as(formula):
    """What a formula makes of the differences, shape (H, W, C)."""
    return lambda content, generated: formula(content - generated)


def gram_in_a_loop(features):
    height, width, channels = features.shape
    found = np.zeros((channels, channels))
    for i, j in np.ndindex(height, width):
        for k, m in np.ndindex(channels, channels):
            found[k, m] += features[i, j, k] * features[i, j, m] / (height * width)
    return found


def gram_as(formula):
    """What a formula makes of the features with a row for each position."""
    return lambda features: formula(features.reshape(-1, features.shape[-1]))


def gram_reread(features):
    """The channels are brought to the front by rereading, not by transposing."""
    height, width, channels = features.shape
    rows = features.reshape(channels, height * width)
    return rows @ rows.T / (height * width)


def style_as(layer_cost, combine=lambda weights, costs: np.dot(weights, costs)):
    """Layer by layer, by name: combine(weights, costs), with a cost of both images' features."""
    return lambda style, generated, weights: combine(
        np.array(list(weights.values())),
        np.array([layer_cost(style[layer], generated[layer]) for layer in weights]),
    )


def grams_compared(formula, gram=gram_in_a_loop):
    """A layer's cost: what a formula makes of the difference of the Grams and of C."""
    return lambda style, generated: formula(gram(style) - gram(generated), style.shape[-1])


def sum_of_products(features):
    return gram_in_a_loop(features) * features[..., 0].size


def quarter_mean(gap, channels):
    return np.sum(gap**2) / (4 * channels**2)


style_cost = style_as(grams_compared(quarter_mean))


def style_cost_by_order(style, generated, weights):
    return sum(
        weight * grams_compared(quarter_mean)(s, g)
        for s, g, weight in zip(style.values(), generated.values(), weights.values(), strict=True)
    )


def style_cost_with_features_by_order(style, generated, weights):
    return sum(
        weights[layer] * grams_compared(quarter_mean)(style[layer], g)
        for layer, g in zip(style, generated.values(), strict=True)
    )


def style_cost_with_weights_by_order(style, generated, weights):
    return sum(
        weight * grams_compared(quarter_mean)(style[layer], generated[layer])
        for layer, weight in zip(style, weights.values(), strict=True)
    )


def style_cost_of_gatys(style, generated, weights):
    """Sums in the Gram matrices, and one M², that of the generated image, below."""
    return sum(
        weight
        * quarter_mean(
            sum_of_products(style[layer]) - sum_of_products(generated[layer]),
            style[layer].shape[-1],
        )
        / generated[layer][..., 0].size ** 2
        for layer, weight in weights.items()
    )


def conv3d_as(along):
    """A shape whose size along an axis is along(n, k, s)."""
    return lambda shape, kernel, filters, stride: (
        *(along(size, kernel, stride) for size in shape[:3]),
        filters,
    )


conv3d_shape = conv3d_as(lambda n, k, s: (n - k) // s + 1)


def conv3d_rearranged(arrange):
    """What arrange(sizes, channels, filters) makes of the right sizes."""
    return lambda shape, kernel, filters, stride: arrange(
        list(conv3d_shape(shape, kernel, filters, stride)[:3]), shape[3], filters
    )


def conv3d_by_counting(shape, kernel, filters, stride):
    """The positions at which the filter lies inside, one by one."""
    positions = [len([i for i in range(0, n, stride) if i + kernel <= n]) for n in shape[:3]]
    return [*positions, filters]


def conv3d_by_keras(shape, kernel, filters, stride):
    layer = keras.layers.Conv3D(filters, kernel, strides=stride)
    return layer.compute_output_shape((None, *shape))[1:]


def conv3d_of_a_cube(axis):
    return lambda shape, *rest: conv3d_shape((shape[axis],) * 3 + shape[3:], *rest)


def conv_layer(kernel_sizes, filters, **options):
    layers = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}
    return layers[len(kernel_sizes)](filters, kernel_sizes, **options)


def parameters_by_keras(kernel_sizes, channels, filters):
    layer = conv_layer(kernel_sizes, filters)
    layer.build((None, *(9 for _ in kernel_sizes), channels))
    return layer.count_params()


def parameters_as(formula):
    """What a formula makes of the weights of one kernel, the channels and the filters."""
    return lambda kernel_sizes, channels, filters: formula(
        math.prod(kernel_sizes), channels, filters
    )


conv_parameters = parameters_as(lambda kernel, channels, filters: (kernel * channels + 1) * filters)


def parameters_of_kernel(kernel_of):
    """Right but for the weights of a kernel."""
    return lambda sizes, channels, filters: (kernel_of(sizes) * channels + 1) * filters


def convolved(signal, filters):
    """One product after the other."""
    width, channels, num_filters = filters.shape
    output = np.zeros((len(signal) - width + 1, num_filters))
    for t, f, j, c in np.ndindex(*output.shape, width, channels):
        output[t, f] += signal[t + j, c] * filters[j, c, f]
    return output


def convolved_by_keras(signal, filters, **options):
    layer = keras.layers.Conv1D(filters.shape[2], len(filters), use_bias=False, **options)
    layer.build((None, *signal.shape))
    layer.set_weights([filters])
    return layer(signal[None].astype("float32"))[0]


def convolved_by_correlating(signal, filters):
    return np.stack(
        [
            sum(np.correlate(signal[:, c], one[:, c], "valid") for c in range(one.shape[1]))
            for one in np.moveaxis(filters, 2, 0)
        ],
        axis=1,
    )


def convolved_by_np_convolve(signal, filters, mode="valid"):
    rows = [
        sum(np.convolve(signal[:, c], one[:, c], mode) for c in range(one.shape[1]))
        for one in np.moveaxis(filters, 2, 0)
    ]
    return np.transpose(rows)


def convolved_by_tensordot(signal, filters):
    width = len(filters)
    windows = [signal[t : t + width] for t in range(len(signal) - width + 1)]
    return np.tensordot(windows, filters, axes=2)


def unsummed(order):
    """The products of each channel by itself, with the axes (t, c, f) in some order."""
    return lambda signal, filters: np.stack(
        [convolved(signal[:, [c]], filters[:, [c]]) for c in range(signal.shape[1])], axis=1
    ).transpose(order)


def causal(signal, kernel):
    padded = np.concatenate([np.zeros(len(kernel) - 1), signal])
    return np.correlate(padded, kernel, "valid")


def causal_term_by_term(signal, kernel):
    last = len(kernel) - 1
    return [
        sum(kernel[last - ago] * signal[t - ago] for ago in range(last + 1) if ago <= t)
        for t in range(len(signal))
    ]


def causal_by_keras(signal, kernel, padding="causal"):
    return convolved_by_keras(signal[:, None], kernel[:, None, None], padding=padding)[:, 0]


def causal_padded(pad):
    """The kernel, not flipped, on what pad(signal, width − 1) returns."""
    return lambda signal, kernel: np.correlate(pad(signal, len(kernel) - 1), kernel, "valid")


def causal_with_zeros_first(signal, kernel):
    outputs = np.zeros_like(signal)
    outputs[len(kernel) - 1 :] = np.correlate(signal, kernel, "valid")
    return outputs


def causal_cut_at_the_end(signal, kernel):
    """Zeros at both ends, as a layer with padding = width − 1 has them, and then those behind."""
    ahead = len(kernel) - 1
    return np.correlate(np.pad(signal, ahead), kernel, "valid")[:-ahead]


GRAM_STAYS = {
    "shuffle the pixels": True,
    "mirror the image's features": True,
    "shuffle the channels": False,
    "double every activation": False,
    "tile the features 2 × 2": True,
    "subtract each channel's mean": False,
}


def blindness(**changed):
    """The right answers but for some; an underscore stands for a blank."""
    return GRAM_STAYS | {name.replace("_", " "): said for name, said in changed.items()}


TABLE = {
    "check_pair_counts": Case(
        solution=(150, 4800),
        also_right={"list": [150, 4800], "array": np.array([150.0, 4800.0])},
        wrong={
            "order swapped": ((4800, 150), r"the order is \(genuine, impostor\)"),
            "ordered pairs": ((300, 9600), "each pair counts once"),
            "photos paired with themselves": ((400, 9600), "each pair counts once"),
            "pairs of one person only": ((6, 4800), r"C\(4, 2\) = 6 .* 25 people"),
            "genuine pairs not subtracted": ((150, 4950), "less the genuine ones"),
            "one number": (4950, "expected 2 numbers, got 1"),
        },
    ),
    "check_error_rates_at": Case(
        solution=lambda g, i, t: (np.mean(i <= t), np.mean(g > t)),
        also_right={
            "loops": lambda g, i, t: (
                sum(d <= t for d in i) / len(i),
                1 - sum(d <= t for d in g) / len(g),
            ),
        },
        wrong={
            "order swapped": (
                lambda g, i, t: (np.mean(g > t), np.mean(i <= t)),
                r"the order is \(fmr, fnmr\)",
            ),
            "divided by all pairs": (
                lambda g, i, t: (
                    np.sum(i <= t) / (g.size + i.size),
                    np.sum(g > t) / (g.size + i.size),
                ),
                "not by all pairs",
            ),
            "sum for mean": (
                lambda g, i, t: (np.sum(i <= t), np.sum(g > t)),
                "rates, not counts",
            ),
            "similarity for distance": (
                lambda g, i, t: (np.mean(i > t), np.mean(g <= t)),
                r"\*accepted\*: distance ≤ threshold",
            ),
            "accepted genuine pairs": (
                lambda g, i, t: (np.mean(i <= t), np.mean(g <= t)),
                r"\*rejected\*",
            ),
            "genuine and impostor swapped": (
                lambda g, i, t: (np.mean(g <= t), np.mean(i > t)),
                r"expected \(0\.2, 0\.25\)",
            ),
            "strict at the threshold for impostors": (
                lambda g, i, t: (np.mean(i < t), np.mean(g > t)),
                "≤, not <",
            ),
            "strict at the threshold for genuine pairs": (
                lambda g, i, t: (np.mean(i <= t), np.mean(g >= t)),
                "not rejected by ≥",
            ),
            "one rate only": (lambda g, i, t: np.mean(i <= t), "expected 2 numbers, got 1"),
        },
    ),
    "check_threshold_at_fmr": Case(
        solution=lambda i, fmr: np.nextafter(np.sort(i)[int(fmr * i.size)], -np.inf),
        also_right={
            "largest of the allowed distances": lambda i, fmr: max(
                (d for d in i if np.mean(i <= d) <= fmr), default=-1.0
            ),
            "sorts its argument in place": threshold_by_sorting_in_place,
        },
        wrong={
            "the other end": (lambda i, fmr: np.quantile(i, 1 - fmr), "the other end"),
            "one too many": (
                lambda i, fmr: np.sort(i)[int(fmr * i.size)],
                "10 of 100 .* yours accepts 11",
            ),
            "one too few": (
                lambda i, fmr: np.sort(i)[int(fmr * i.size) - 2],
                "10 of 100 .* yours accepts only 9",
            ),
            "accepts nobody": (lambda i, fmr: 0.0, "yours accepts only 0"),
            "ties accepted together": (
                lambda i, fmr: np.sort(i)[int(fmr * i.size) - 1],
                "with ties.*Yours accepts 4",
            ),
            "interpolated quantile": (np.quantile, "with ties.*Yours accepts 4"),
            "a mask for a threshold": (lambda i, fmr: i <= fmr, "expected one number, got 100"),
        },
    ),
    "check_identification_error": Case(
        solution=lambda fmr, size: 1 - (1 - fmr) ** size,
        also_right={"by logarithms": lambda fmr, size: -np.expm1(size * np.log1p(-fmr))},
        wrong={
            "K·p": (lambda fmr, size: size * fmr, "K = 200"),
            "K·p capped at 1": (lambda fmr, size: min(1, size * fmr), "K = 200"),
            "all go wrong": (lambda fmr, size: fmr**size, r"\*every\* comparison"),
            "none goes wrong": (lambda fmr, size: (1 - fmr) ** size, r"\*none\* goes wrong"),
            "one person too few": (
                lambda fmr, size: 1 - (1 - fmr) ** (size - 1),
                "a single person in the gallery",
            ),
            "exactly one goes wrong": (
                lambda fmr, size: size * fmr * (1 - fmr) ** (size - 1),
                "you want the rest",
            ),
            "p of the example built in": (
                lambda fmr, size: 1 - 0.99**size,
                "it must hold for every p",
            ),
        },
    ),
    "check_identify": Case(
        solution=identify,
        also_right={
            "NumPy's string": lambda d, names, t: np.array([*names, "nobody"])[
                np.argmin(d) if min(d) <= t else -1
            ],
        },
        wrong={
            "position for name": (
                lambda d, names, t: int(np.argmin(d)),
                "the name, not its position",
            ),
            "NumPy's position for name": (
                lambda d, names, t: np.argmin(d),
                "the name, not its position",
            ),
            "largest for smallest": (lambda d, names, t: names[np.argmax(d)], "not the largest"),
            "never rejects": (
                lambda d, names, t: names[np.argmin(d)],
                "the answer is 'nobody'. Yours says 'bob'",
            ),
            "always rejects": (
                lambda d, names, t: "nobody",
                "the nearest is 'bob', and 0.4 ≤ 0.5. Yours says 'nobody'",
            ),
            "strict at the threshold": (
                lambda d, names, t: names[np.argmin(d)] if min(d) < t else "nobody",
                "equal to the threshold is accepted",
            ),
            "similarity for distance": (
                lambda d, names, t: names[np.argmin(d)] if min(d) > t else "nobody",
                "the nearest is 'bob'",
            ),
            "first within the threshold": (first_within, "it is still the nearest"),
            "None for nobody": (identify_or_none, "the answer is 'nobody'"),
        },
    ),
    "check_nearest_person": Case(
        solution=lambda distances, labels: labels[np.argmin(distances)],
        also_right={"person by person": nearest_by(np.min)},
        wrong={
            "position for label": (
                lambda distances, labels: np.argmin(distances),
                "the template's position",
            ),
            "mean distance": (nearest_by(np.mean), "a mean hides it"),
            "sum of distances": (nearest_by(np.sum), "a mean hides it"),
            "the first template": (lambda distances, labels: labels[0], "the order"),
            "largest for smallest": (
                lambda distances, labels: labels[np.argmax(distances)],
                "smallest, not|not the largest",
            ),
            "largest of a person": (nearest_by(np.max), "a mean hides it"),
            "distance for label": (
                lambda distances, labels: distances.min(),
                "expected label 7, got 0.5",
            ),
            "labels of one digit only": (
                lambda distances, labels: min(
                    range(10),
                    key=lambda person: distances[labels == person].min(initial=np.inf),
                ),
                "labels are names, not positions",
            ),
            "all labels in order": (
                lambda distances, labels: labels[np.argsort(distances)],
                "expected one number, got 6",
            ),
        },
    ),
    "check_output_layer_parameters": Case(
        solution=lambda dim, people: (dim + 1) * (people + 1),
        also_right={"weights, then biases": lambda dim, people: dim * (people + 1) + people + 1},
        wrong={
            "no bias": (lambda dim, people: dim * (people + 1), "also has a bias"),
            "without the newcomer": (
                lambda dim, people: (dim + 1) * people,
                "before the newcomer",
            ),
            "the newcomer alone": (lambda dim, people: dim + 1, "only what is added"),
            "one bias for all": (
                lambda dim, people: dim * (people + 1) + 1,
                r"1 bias\) for each",
            ),
            "neither": (lambda dim, people: dim * people, r"num_people \+ 1 outputs"),
            "the example built in": (lambda dim, people: 129 * 11, "for every embedding_dim"),
        },
    ),
    "check_open_set_rates": Case(
        solution=open_set_rates,
        also_right={
            "recognised and the rest": fnir_as(
                lambda named_right, d, t: 1 - np.mean(named_right & (d <= t))
            ),
        },
        wrong={
            "order swapped": (
                lambda *arguments: open_set_rates(*arguments)[::-1],
                r"the order is \(fpir, fnir\)",
            ),
            "rejected strangers": (
                lambda r, e, s, t: (np.mean(s > t), np.mean(~r | (e > t))),
                r"the door \*opens\*",
            ),
            "strangers as a share of everybody": (
                lambda r, e, s, t: (np.sum(s <= t) / (s.size + e.size), np.mean(~r | (e > t))),
                "one of .* strangers",
            ),
            "wrong names forgotten": (fnir_as(lambda r, d, t: np.mean(d > t)), "wrong name"),
            "threshold forgotten": (
                fnir_as(lambda r, d, t: np.mean(~r)),
                "reject|threshold is|too far|exceed",
            ),
            "rejected and misnamed": (
                fnir_as(lambda r, d, t: np.mean(~r & (d > t))),
                "rejected .or. misnamed",
            ),
            "recognised for not recognised": (
                fnir_as(lambda r, d, t: np.mean(r & (d <= t))),
                "recognised|missed|too far|misnamed",
            ),
            "counts for rates": (
                lambda r, e, s, t: (np.sum(s <= t), np.sum(~r | (e > t))),
                "one of .* strangers|rates, not counts",
            ),
            "misses counted": (
                fnir_as(lambda r, d, t: np.sum(~r | (d > t))),
                "two are too far and one is misnamed",
            ),
            "threshold built in for strangers": (
                lambda r, e, s, t: (np.mean(s <= 0.5), np.mean(~r | (e > t))),
                "at threshold 0.4 no stranger gets in",
            ),
            "strict at the threshold for strangers": (
                lambda r, e, s, t: (np.mean(s < t), np.mean(~r | (e > t))),
                "equal to the threshold is accepted",
            ),
            "strict at the threshold for employees": (
                fnir_as(lambda r, d, t: np.mean(~r | (d >= t))),
                "at exactly the threshold is accepted",
            ),
        },
    ),
    "check_siamese_distance": Case(
        solution=lambda encoder, first, second: squared_distances(encoder(first), encoder(second)),
        also_right={
            "pair by pair, a list": distances_pair_by_pair,
            "one batch of all photos": distances_of_one_batch,
            "a column of float32": distances_as_a_column,
            "the length, squared": lambda f, a, b: np.linalg.norm(f(a) - f(b), axis=1) ** 2,
            "row by row product": lambda f, a, b: np.einsum("ij,ij->i", f(a) - f(b), f(a) - f(b)),
            "diagonal of every row to every other": lambda f, a, b: np.diag(
                np.sum((f(a)[:, None] - f(b)[None]) ** 2, axis=2)
            ),
        },
        wrong={
            "sum over everything": (
                lambda f, a, b: np.sum((f(a) - f(b)) ** 2),
                "one number for the whole batch",
            ),
            "norm of everything": (
                lambda f, a, b: np.linalg.norm(f(a) - f(b)),
                "one number for the whole batch",
            ),
            "sum over the batch": (
                lambda f, a, b: np.sum((f(a) - f(b)) ** 2, axis=0),
                "sums over the batch",
            ),
            "every row to every other": (
                lambda f, a, b: np.sum((f(a)[:, None] - f(b)[None]) ** 2, axis=2),
                "not every row to every other",
            ),
            "not summed": (lambda f, a, b: (f(a) - f(b)) ** 2, "expected 2 numbers, got 6"),
            "not encoded": (
                lambda f, a, b: squared_distances(a, b),
                "distance of the photos themselves",
            ),
            "the difference encoded": (
                lambda f, a, b: np.sum(f(a - b) ** 2, axis=1),
                "do not encode their difference",
            ),
            "only the first encoded": (
                lambda f, a, b: squared_distances(f(a), b),
                "not only one of them",
            ),
            "only the second encoded": (
                lambda f, a, b: squared_distances(a, f(b)),
                "not only one of them",
            ),
            "length for its square": (
                lambda f, a, b: np.linalg.norm(f(a) - f(b), axis=1),
                "no square root",
            ),
            "mean for sum": (
                lambda f, a, b: np.mean((f(a) - f(b)) ** 2, axis=1),
                "d is their sum",
            ),
            "absolute values for squares": (
                lambda f, a, b: np.sum(np.abs(f(a) - f(b)), axis=1),
                "their absolute values",
            ),
            "squared after the sum": (
                lambda f, a, b: np.sum(f(a) - f(b), axis=1) ** 2,
                "before the sum",
            ),
            "never squared": (
                lambda f, a, b: np.sum(f(a) - f(b), axis=1),
                r"expected \d+ and \d+, got",
            ),
            "product for distance": (
                lambda f, a, b: np.sum(f(a) * f(b), axis=1),
                r"expected \d+ and \d+, got",
            ),
        },
    ),
    "check_contrastive_loss": Case(
        solution=lambda same, d, margin: same * d + (1 - same) * lacking(d, margin) ** 2,
        also_right={
            "pair by pair, a list": contrastive_pair_by_pair,
            "a choice for each pair": lambda same, d, m: np.where(same == 1, d, lacking(d, m) ** 2),
            "the course's own": lambda same, d, m: losses.contrastive_loss(same, d, margin=m),
            "Keras, float32": contrastive_in_single_precision,
            "a column": lambda same, d, m: np.where(same, d, lacking(d, m) ** 2)[:, None],
        },
        wrong={
            "no maximum": (
                lambda same, d, m: same * d + (1 - same) * (m - np.sqrt(d)) ** 2,
                "before the square",
            ),
            "maximum after the square": (
                lambda same, d, m: same * d + (1 - same) * np.maximum((m - np.sqrt(d)) ** 2, 0),
                "before the square",
            ),
            "difference turned round": (
                lambda same, d, m: same * d + (1 - same) * np.maximum(np.sqrt(d) - m, 0) ** 2,
                "an impostor pair beyond the margin costs nothing",
            ),
            "no root": (
                lambda same, d, m: same * d + (1 - same) * np.maximum(m - d, 0) ** 2,
                "take the square root",
            ),
            "neither root nor maximum": (
                lambda same, d, m: same * d + (1 - same) * (m - d) ** 2,
                "take the square root",
            ),
            "distances taken for plain ones": (
                lambda same, d, m: same * d**2 + (1 - same) * np.maximum(m - d, 0) ** 2,
                "take the square root",
            ),
            "not squared": (
                lambda same, d, m: same * d + (1 - same) * lacking(d, m),
                "square what the impostor pair lacks",
            ),
            "root for genuine pairs too": (
                lambda same, d, m: same * np.sqrt(d) + (1 - same) * lacking(d, m) ** 2,
                "no root for it",
            ),
            "genuine pairs squared": (
                lambda same, d, m: same * d**2 + (1 - same) * lacking(d, m) ** 2,
                "squared already",
            ),
            "same and different swapped": (
                lambda same, d, m: (1 - same) * d + same * lacking(d, m) ** 2,
                "is 1 for a genuine pair",
            ),
            "genuine pairs forgotten": (
                lambda same, d, m: (1 - same) * lacking(d, m) ** 2,
                "is 1 for a genuine pair",
            ),
            "impostor pairs pay their distance too": (
                lambda same, d, m: d + (1 - same) * lacking(d, m) ** 2,
                "multiply d by `same`",
            ),
            "impostor pairs forgotten": (
                lambda same, d, m: same * d,
                r"for d = \[.* expected \[.*, got \[",
            ),
            "half of it": (
                lambda same, d, m: (same * d + (1 - same) * lacking(d, m) ** 2) / 2,
                r"for d = \[.* expected \[.*, got \[",
            ),
            "margin built in": (
                lambda same, d, m: same * d + (1 - same) * lacking(d, 1.0) ** 2,
                "with margin 2 .* expected 1, got 0",
            ),
            "margin as a unit": (
                lambda same, d, m: same * d + (1 - same) * lacking(d / m**2, 1.0) ** 2,
                "with margin 2 .* expected 1, got 0.25",
            ),
            "mean over the batch": (
                lambda same, d, m: np.mean(same * d + (1 - same) * lacking(d, m) ** 2),
                "expected 5 numbers, got 1",
            ),
        },
    ),
    "check_genuine_share": Case(
        solution=lambda people, photos: (photos - 1) / (people * photos - 1),
        also_right={
            "by counting": share_by_counting,
            "NumPy's float32": lambda people, photos: np.float32(
                (photos - 1) / (people * photos - 1)
            ),
            "rest of the impostors": lambda people, photos: (
                1 - (people - 1) * photos / (people * photos - 1)
            ),
            "a list of one": lambda people, photos: [(photos - 1) / (people * photos - 1)],
        },
        wrong={
            "one of so many people": (
                lambda people, photos: 1 / people,
                "no pair with itself",
            ),
            "pairs with itself": (
                lambda people, photos: people * photos**2 / (people * photos) ** 2,
                "no pair with itself",
            ),
            "left out above only": (
                lambda people, photos: (photos - 1) / (people * photos),
                "above and below",
            ),
            "left out below only": (
                lambda people, photos: photos / (people * photos - 1),
                "above and below",
            ),
            "genuine to impostor": (
                lambda people, photos: (photos - 1) / ((people - 1) * photos),
                "genuine to impostor",
            ),
            "share of impostors": (
                lambda people, photos: (people - 1) * photos / (people * photos - 1),
                "share of impostor pairs",
            ),
            "count for share": (
                lambda people, photos: people * photos * (photos - 1) // 2,
                "number of genuine pairs",
            ),
            "per cent": (
                lambda people, photos: 100 * (photos - 1) / (people * photos - 1),
                "not per cent",
            ),
            "ordered among unordered": (
                lambda people, photos: (
                    people * photos * (photos - 1) / math.comb(people * photos, 2)
                ),
                r"expected 9/199 = 0\.0452, got 0\.0904523",
            ),
            "pairs of one person only": (
                lambda people, photos: math.comb(photos, 2) / math.comb(people * photos, 2),
                r"expected 9/199 = 0\.0452, got 0\.00226131",
            ),
            "the example built in": (
                lambda people, photos: 9 / 199,
                "not for 3 people with 2",
            ),
            "number of people built in": (
                lambda people, photos: (photos - 1) / (20 * photos - 1),
                "not for 3 people with 2",
            ),
        },
    ),
    "check_distance_from_cosine": Case(
        solution=lambda cosine: 2 - 2 * cosine,
        also_right={
            "factored": lambda cosine: 2 * (1 - cosine),
            "by the angle": lambda cosine: 4 * math.sin(math.acos(cosine) / 2) ** 2,
            "of two such vectors": distance_of_two_vectors,
            "Keras, float32": lambda cosine: 2 - 2 * ops.convert_to_tensor(cosine, "float32"),
            "a list of one": lambda cosine: [2 - 2 * cosine],
        },
        wrong={
            "length for its square": (
                lambda cosine: math.sqrt(2 - 2 * cosine),
                "no square root",
            ),
            "cosine distance": (lambda cosine: 1 - cosine, "half of it"),
            "plus for minus": (lambda cosine: 2 + 2 * cosine, "mind the sign"),
            "norms forgotten": (lambda cosine: -2 * cosine, r"Got -2, -?0, 2\."),
            "one product for two": (lambda cosine: 2 - cosine, r"Got 1, 2, 3\."),
            "angle for distance": (math.acos, r"Got 0, 1\.5708, 3\.14159\."),
            "angle, fitted to the ends": (
                lambda cosine: 4 * math.acos(cosine) / math.pi,
                "but not between",
            ),
            "rounded": (lambda cosine: round(2 - 2 * cosine), "but not between"),
        },
    ),
    "check_triplet_loss": Case(
        solution=triplet_as(lambda p, n, margin: np.maximum(p - n + margin, 0)),
        also_right={
            "triplet by triplet, a list": triplet_by_triplet,
            "the course's own": lambda a, p, n, m: losses.triplet_loss(a, p, n, margin=m),
            "Keras, a column": triplet_as(lambda p, n, m: ops.relu(p - n + m)[:, None]),
            "float32": triplet_as(lambda p, n, m: np.maximum(p - n + m, 0).astype("float32")),
            "lengths, squared": lambda a, p, n, m: np.maximum(
                np.linalg.norm(a - p, axis=1) ** 2 - np.linalg.norm(a - n, axis=1) ** 2 + m, 0
            ),
        },
        wrong={
            "sum over the batch": (
                triplet_as(lambda p, n, m: np.sum(np.maximum(p - n + m, 0))),
                "one loss for each triplet",
            ),
            "mean over the batch": (
                triplet_as(lambda p, n, m: np.mean(np.maximum(p - n + m, 0))),
                "one loss for each triplet",
            ),
            "distances summed over everything": (
                lambda a, p, n, m: max(np.sum((a - p) ** 2) - np.sum((a - n) ** 2) + m, 0),
                "one loss for each triplet",
            ),
            "distances summed over the batch": (
                lambda a, p, n, m: np.maximum(
                    np.sum((a - p) ** 2, axis=0) - np.sum((a - n) ** 2, axis=0) + m, 0
                ),
                "expected 3 numbers, got 2",
            ),
            "no maximum": (triplet_as(lambda p, n, m: p - n + m), r"max\(…, 0\)"),
            "minimum for maximum": (
                triplet_as(lambda p, n, m: np.minimum(p - n + m, 0)),
                r"max\(…, 0\)",
            ),
            "no margin": (triplet_as(lambda p, n, m: np.maximum(p - n, 0)), "add the margin"),
            "margin subtracted": (
                triplet_as(lambda p, n, m: np.maximum(p - n - m, 0)),
                "add the margin|added, not subtracted",
            ),
            "positive and negative swapped": (
                triplet_as(lambda p, n, m: np.maximum(n - p + m, 0)),
                "turn it round",
            ),
            "swapped, and no maximum": (
                triplet_as(lambda p, n, m: n - p + m),
                r"turn it round|max\(…, 0\)",
            ),
            "the whole inequality turned round": (
                triplet_as(lambda p, n, m: np.maximum(n - p - m, 0)),
                "turn it round",
            ),
            "lengths for their squares": (
                triplet_as(lambda p, n, m: np.maximum(np.sqrt(p) - np.sqrt(n) + m, 0)),
                "no square root",
            ),
            "mean over the embedding": (triplet_of_mean_squares, "do not average"),
            "margin added outside": (
                triplet_as(lambda p, n, m: np.maximum(p - n, 0) + m),
                "the margin belongs inside",
            ),
            "margin for zero": (
                triplet_as(lambda p, n, m: np.maximum(p - n, m)),
                "the margin belongs inside",
            ),
            "absolute values for squares": (
                lambda a, p, n, m: np.maximum(
                    np.abs(a - p).sum(axis=1) - np.abs(a - n).sum(axis=1) + m, 0
                ),
                r"expected \[.*\], got \[",
            ),
            "the lecture's margin built in": (
                triplet_as(lambda p, n, m: np.maximum(p - n + 0.2, 0)),
                r"expected \[.*\], got \[",
            ),
            "another margin built in": (
                triplet_as(lambda p, n, m: np.maximum(p - n + 0.5, 0)),
                "not for α = 0.3",
            ),
            "anchor added": (
                lambda a, p, n, m: np.maximum(
                    np.sum((a + p) ** 2, axis=1) - np.sum((a + n) ** 2, axis=1) + m, 0
                ),
                "anchor|expected",
            ),
            "anchor forgotten": (
                lambda a, p, n, m: np.maximum(np.sum(p**2, axis=1) - np.sum(n**2, axis=1) + m, 0),
                "anchor|expected",
            ),
        },
    ),
    "check_negative_distance": Case(
        solution=lambda positive, margin: positive + margin,
        also_right={
            "float32": lambda positive, margin: np.float32(positive) + np.float32(margin),
            "a list of one": lambda positive, margin: [margin + positive],
            "Keras": lambda positive, margin: ops.add(positive, margin),
        },
        wrong={
            "margin subtracted": (lambda positive, margin: positive - margin, r"\*farther\*"),
            "just farther": (lambda positive, margin: positive + 0.01, r"loss is still 0\.19"),
            "no margin": (lambda positive, margin: positive, "without a margin"),
            "the margin alone": (lambda positive, margin: margin, r"Got 0\.2\."),
            "multiplied": (lambda positive, margin: positive * margin, r"Got 0\.1\."),
            "root of the positive": (
                lambda positive, margin: math.sqrt(positive) + margin,
                r"Got 0\.907107\.",
            ),
            "margin in per cent": (
                lambda positive, margin: positive * (1 + margin),
                r"Got 0\.6\.",
            ),
            "margin built in": (
                lambda positive, margin: positive + 0.2,
                "right for the lecture's example, but not",
            ),
            "the example built in": (
                lambda positive, margin: 0.7,
                "right for the lecture's example, but not",
            ),
            "the example as a ratio": (
                lambda positive, margin: 1.4 * positive,
                "right for the lecture's example, but not",
            ),
        },
    ),
    "check_semi_hard": Case(
        solution=semi_hard,
        also_right={
            "by sorting": semi_hard_by_sorting,
            "an array of one": lambda positive, negatives: np.array(
                [semi_hard(positive, negatives)]
            ),
            "Keras": lambda positive, negatives: ops.convert_to_tensor(
                semi_hard(positive, negatives)
            ),
            "a float": lambda positive, negatives: float(semi_hard(positive, negatives)),
        },
        wrong={
            "hardest": (
                lambda positive, negatives: np.argmin(negatives),
                "that is the hardest negative",
            ),
            "easiest": (
                lambda positive, negatives: np.argmax(negatives),
                "that is the easiest negative",
            ),
            "distance for position": (
                lambda positive, negatives: np.min(negatives[negatives > positive]),
                "not its distance",
            ),
            "counted among the farther": (
                lambda positive, negatives: np.argmin(negatives[negatives > positive]),
                "nothing left out or sorted",
            ),
            "counted after sorting": (
                lambda positive, negatives: np.searchsorted(np.sort(negatives), positive),
                "they moved|position",
            ),
            "first that is farther": (
                lambda positive, negatives: np.argmax(negatives > positive),
                "the first negative that is farther",
            ),
            "distance of the hardest": (
                lambda positive, negatives: np.min(negatives),
                r"the nearest is at 4.*Got 0\.2",
            ),
            "not farther than": (
                lambda positive, negatives: np.argmin(
                    np.where(negatives >= positive, negatives, np.inf)
                ),
                "at the positive's own distance is not farther",
            ),
            "nearest to the positive's distance": (
                lambda positive, negatives: np.argmin(np.abs(negatives - positive)),
                "at the positive's own distance is not farther",
            ),
            "the first where none is farther": (
                lambda positive, negatives: np.argmin(
                    np.where(negatives > positive, negatives, np.inf)
                ),
                "take the farthest there is",
            ),
            "the hardest where none is farther": (
                lambda positive, negatives: (
                    semi_hard(positive, negatives)
                    if (negatives > positive).any()
                    else np.argmin(negatives)
                ),
                "take the farthest there is",
            ),
            "-1 where none is farther": (
                lambda positive, negatives: (
                    semi_hard(positive, negatives) if (negatives > positive).any() else -1
                ),
                "take the farthest there is",
            ),
            "fails where none is farther": (
                lambda positive, negatives: min(
                    (d, i) for i, d in enumerate(negatives) if d > positive
                )[1],
                "take the farthest there is|raised ValueError",
            ),
            "None where none is farther": (semi_hard_or_none, "farthest there is|got None"),
        },
    ),
    "check_triplet_count": Case(
        solution=lambda people, photos: people * photos * (photos - 1) * (people - 1) * photos,
        also_right={
            "ordered pairs and the others": lambda people, photos: (
                people * math.perm(photos, 2) * (people * photos - photos)
            ),
            "by listing them": lambda people, photos: sum(
                a // photos == p // photos != n // photos and a != p
                for a in range(people * photos)
                for p in range(people * photos)
                for n in range(people * photos)
            ),
            "a float": lambda people, photos: float(
                people * photos * (photos - 1) * (people - 1) * photos
            ),
            "Keras": lambda people, photos: ops.prod(
                [people, photos, photos - 1, people - 1, photos]
            ),
        },
        wrong={
            "any three photos": (
                lambda people, photos: (people * photos) ** 3,
                "not any three photos",
            ),
            "its own positive": (
                lambda people, photos: people * photos * photos * (people - 1) * photos,
                "not its own positive",
            ),
            "any other photo is a negative": (
                lambda people, photos: people * photos * (photos - 1) * (people * photos - 1),
                "of another person",
            ),
            "any photo is a negative": (
                lambda people, photos: people * photos * (photos - 1) * people * photos,
                "of another person",
            ),
            "each genuine pair once": (
                lambda people, photos: people * math.comb(photos, 2) * (people - 1) * photos,
                "make different triplets",
            ),
            "one anchor": (
                lambda people, photos: (photos - 1) * (people - 1) * photos,
                "an anchor in turn",
            ),
            "one anchor a person": (
                lambda people, photos: people * (photos - 1) * (people - 1) * photos,
                "an anchor in turn",
            ),
            "one negative for each other person": (
                lambda people, photos: people * photos * (photos - 1) * (people - 1),
                "negative",
            ),
            "three different photos": (
                lambda people, photos: math.perm(people * photos, 3),
                "4,320 triplets, got 59280",
            ),
            "batch size built in": (
                lambda people, photos: 40 * (photos - 1) * (40 - photos),
                "not for 2 people with 5",
            ),
            "the example built in": (lambda people, photos: 4320, "not for 2 people with 5"),
        },
    ),
    "check_same_person_probability": Case(
        solution=probability_as(lambda d, w, b: np.sum(w * np.abs(d), axis=-1) + b),
        also_right={
            "matrix product": probability_as(lambda d, w, b: np.abs(d) @ w + b),
            "pair by pair, a list": probability_pair_by_pair,
            "Keras, float32": probability_in_single_precision,
            "by tanh": lambda first, second, w, b: (
                (1 + np.tanh((np.abs(first - second) @ w + b) / 2)) / 2
            ),
            "a column": lambda first, second, w, b: sigmoid(
                np.sum(w * np.abs(first - second), axis=-1, keepdims=True) + b
            ),
        },
        wrong={
            "no absolute value": (
                probability_as(lambda d, w, b: d @ w + b),
                "loses its sign before it is weighted",
            ),
            "no absolute value, turned round": (
                probability_as(lambda d, w, b: -d @ w + b),
                "loses its sign before it is weighted",
            ),
            "absolute value of the sum": (
                probability_as(lambda d, w, b: np.abs(d @ w) + b),
                "loses its sign before it is weighted",
            ),
            "squares": (probability_as(lambda d, w, b: d**2 @ w + b), "these are squares"),
            "no sigmoid": (
                lambda first, second, w, b: np.abs(first - second) @ w + b,
                "-1 is no probability",
            ),
            "decision for probability": (
                lambda first, second, w, b: np.abs(first - second) @ w + b >= 0,
                "return the probability",
            ),
            "no bias": (probability_as(lambda d, w, b: np.abs(d) @ w), "the bias is missing"),
            "bias subtracted": (
                probability_as(lambda d, w, b: np.abs(d) @ w - b),
                "added, not subtracted",
            ),
            "no weights": (
                probability_as(lambda d, w, b: np.sum(np.abs(d), axis=-1) + b),
                "weight each difference",
            ),
            "absolute weights": (
                probability_as(lambda d, w, b: np.abs(d * w).sum(axis=-1) + b),
                r"expected σ\(−1\) = 0\.2689, got 0\.9820",
            ),
            "probability of two people": (
                probability_as(lambda d, w, b: -(np.abs(d) @ w + b)),
                "that is 1 − ŷ",
            ),
            "mean for sum": (
                probability_as(lambda d, w, b: np.mean(w * np.abs(d), axis=-1) + b),
                "take their sum",
            ),
            "not symmetric": (
                probability_as(lambda d, w, b: np.maximum(d, 0) @ w + b),
                r"the same for \(a, b\) and \(b, a\)",
            ),
            "not symmetric, turned round": (
                probability_as(lambda d, w, b: np.maximum(-d, 0) @ w + b),
                r"the same for \(a, b\) and \(b, a\)",
            ),
            "not summed": (
                probability_as(lambda d, w, b: w * np.abs(d) + b),
                "one pair, one probability",
            ),
            "bias built in": (
                probability_as(lambda d, w, b: np.abs(d) @ w + 1),
                "not for other weights: expected 0.8176, got 0.9526",
            ),
            "summed over the batch": (
                probability_as(lambda d, w, b: np.sum(w * np.abs(d), axis=0) + b),
                "that sums over the batch",
            ),
            "summed over everything": (
                probability_as(lambda d, w, b: np.sum(w * np.abs(d)) + b),
                "a batch of pairs gets a probability each",
            ),
            "of the first pair only": (
                probability_of_the_first_pair,
                r"not for a batch: expected \[0\.27 0\.73\], got \[0\.26",
            ),
            "fails for one pair": (
                probability_as(lambda d, w, b: np.sum(w * np.abs(d), axis=1) + b),
                "your function raised AxisError: axis 1 is out of bounds",
            ),
            "fails for a batch": (
                probability_as(lambda d, w, b: np.dot(w, np.abs(d)) + b),
                "your function raised ValueError",
            ),
        },
    ),
    "check_chi2_difference": Case(
        solution=chi2,
        also_right={
            "number by number, a list": chi2_number_by_number,
            "with a mask": chi2_with_a_mask,
            "divided where it can be": lambda a, b: np.divide(
                (a - b) ** 2, a + b, out=np.zeros_like(a), where=a + b > 0
            ),
            "Keras, float32": lambda a, b: ops.divide_no_nan(
                ops.square(ops.cast(a, "float32") - b), ops.cast(a, "float32") + b
            ),
            "a tiny ε": lambda a, b: (a - b) ** 2 / (a + b + 1e-12),
            "Keras' ε": lambda a, b: (a - b) ** 2 / (a + b + 1e-7),
            "expanded": lambda a, b: a + b - 4 * a * b / np.where(a + b > 0, a + b, 1),
        },
        wrong={
            "nothing done about 0/0": (
                lambda a, b: (a - b) ** 2 / (a + b),
                r"not a number \(NaN\)",
            ),
            "0/0 as 1": (
                lambda a, b: np.where(a + b > 0, chi2(a, b), 1),
                r"expected \[2\.667 .*\], got \[2\.667 .* 1\. ",
            ),
            "NaN replaced": (
                lambda a, b: np.nan_to_num((a - b) ** 2 / (a + b)),
                "computed before it is replaced",
            ),
            "NaN not chosen": (
                lambda a, b: np.where(a + b > 0, (a - b) ** 2 / (a + b), 0),
                "computed before it is replaced",
            ),
            "1 added": (lambda a, b: (a - b) ** 2 / (a + b + 1), "changes small terms"),
            "ε too large": (
                lambda a, b: (a - b) ** 2 / (a + b + 1e-6),
                "changes small terms.*expected 0.01, got 0.00999975",
            ),
            "floor too high": (
                lambda a, b: (a - b) ** 2 / np.maximum(a + b, 0.1),
                "changes small terms.*got 0.004",
            ),
            "not squared": (chi2_as(lambda d, s: d / s), "must not be negative"),
            "Canberra": (chi2_as(lambda d, s: np.abs(d) / s), "the Canberra distance"),
            "sum squared too": (chi2_as(lambda d, s: (d / s) ** 2), "not the sum below it"),
            "not divided": (chi2_as(lambda d, s: d**2), r"divide by aₖ \+ bₖ"),
            "with a half": (chi2_as(lambda d, s: d**2 / (2 * s)), "no factor ½"),
            "squares subtracted": (
                lambda a, b: (a**2 - b**2) / np.where(a + b > 0, a + b, 1),
                r"expected \[2\.667 .*\], got \[ ?4\.",
            ),
            "summed": (lambda a, b: np.sum(chi2(a, b)), "the term of each number"),
            "zeros left out": (chi2_without_zeros, "expected 5 numbers, got 4"),
            "divided by the larger": (
                lambda a, b: (a - b) ** 2 / np.where(a + b > 0, np.maximum(a, b), 1),
                r"expected \[2\.667 .*\], got \[3\.2",
            ),
            "zero where one is 0": (
                lambda a, b: np.where(a * b > 0, chi2(a, b), 0),
                r"expected \[2\.667 .* 2\. .*\], got \[2\.667 0",
            ),
            "zero where the first is less and the second 3": (
                lambda a, b: np.where((a < b) & (b == 3), 0, chi2(a, b)),
                r"expected \[0 3 2 1 1\], got \[0\. 0\. 2\. 0\. 1\.\]",
            ),
        },
    ),
    "check_forward_passes": Case(
        solution=forward_passes,
        also_right={
            "the probe, and what is not stored": lambda people, stored: 1 + people * (not stored),
            "a float": lambda people, stored: 1.0 if stored else people + 1.0,
            "NumPy": lambda people, stored: np.where(stored, 1, people + 1),
        },
        wrong={
            "without the probe": (
                lambda people, stored: 1 if stored else people,
                "the probe goes through the encoder too",
            ),
            "the probe each time": (
                lambda people, stored: people if stored else 2 * people,
                "encode the probe once",
            ),
            "turned round": (
                lambda people, stored: forward_passes(people, not stored),
                "with nothing stored",
            ),
            "always one": (lambda people, stored: 1, "with nothing stored"),
            "every pair of photos": (
                lambda people, stored: math.comb(people + 1, 2),
                r"expected 20 \+ 1 = 21, got 210",
            ),
            "none if stored": (passes_as(lambda people: 0), "the probe is new"),
            "the templates if stored": (passes_as(lambda people: people), "drop out"),
            "stored ignored": (passes_as(lambda people: people + 1), "use `stored`"),
            "half if stored": (
                passes_as(lambda people: (people + 1) / 2),
                r"embeddings stored: expected 1, got 10\.5",
            ),
            "two photos if stored": (passes_as(lambda people: 2), "stored: expected 1, got 2"),
            "nothing returned if stored": (
                passes_as(lambda people: None),
                "expected finite numbers, got None",
            ),
            "the example built in": (
                lambda people, stored: 1 if stored else 21,
                r"takes 2 passes, .* Yours says 21 and 1\.",
            ),
            "verification always one": (
                lambda people, stored: 1 if people == 1 else forward_passes(people, stored),
                r"takes 2 passes, .* Yours says 1 and 1\.",
            ),
        },
    ),
    "check_decide_claim": Case(
        solution=claim_as(lambda distances, threshold: np.min(distances) <= threshold),
        also_right={
            "any of them": claim_as(lambda distances, threshold: np.any(distances <= threshold)),
            "template by template": claim_template_by_template,
            "not all beyond": claim_as(lambda d, threshold: not np.all(d > threshold)),
            "squares of both": lambda probe, templates, threshold: (
                np.min(np.sum((templates - probe) ** 2, axis=1)) <= threshold**2
            ),
            "an array of one": claim_as(lambda d, t: np.array([np.min(d) <= t])),
            "Keras": claim_as(lambda d, threshold: ops.any(ops.less_equal(d, threshold))),
            "changes its argument": lambda probe, templates, threshold: (
                np.linalg.norm(np.subtract(templates, probe, out=templates), axis=1).min()
                <= threshold
            ),
        },
        wrong={
            "mean distance": (claim_as(lambda d, t: np.mean(d) <= t), "mean of the distances"),
            "median distance": (claim_as(lambda d, t: np.median(d) <= t), "the nearest"),
            "mean template": (
                lambda probe, templates, threshold: (
                    np.linalg.norm(templates.mean(axis=0) - probe) <= threshold
                ),
                "lies where no template does",
            ),
            "farthest": (claim_as(lambda d, t: np.max(d) <= t), "not all templates need be"),
            "all within": (claim_as(lambda d, t: np.all(d <= t)), "not all templates need be"),
            "norm of everything": (claim_by_norm(), "not all templates need be"),
            "squared": (
                claim_as(lambda d, t: np.min(d**2) <= t),
                "compare the distance, not its square",
            ),
            "first template": (claim_as(lambda d, t: d[0] <= t), "wherever it stands"),
            "strict": (claim_as(lambda d, t: np.min(d) < t), "≤, not <"),
            "reversed": (claim_as(lambda d, t: np.min(d) > t), "small means similar"),
            "never": (lambda *arguments: False, "small means similar"),
            "always": (lambda *arguments: True, "nobody is near, so reject"),
            "an answer for each template": (
                claim_as(lambda d, t: d <= t),
                "one answer a person, not one a template",
            ),
            "distance for decision": (
                claim_as(lambda d, t: np.min(d)),
                r"expected True or False, got np\.float64\(0\.",
            ),
            "a word": (claim_as(lambda d, t: "yes"), "expected True or False, got 'yes'"),
            "None for no": (claim_or_none, "expected True or False, got None"),
            "the wrong axis": (claim_by_norm(axis=0), "along axis 1, not axis 0"),
            "absolute values": (claim_by_norm(ord=1, axis=1), "the Euclidean distance"),
            "largest difference": (claim_by_norm(ord=np.inf, axis=1), "the Euclidean distance"),
            "probe forgotten": (
                lambda probe, templates, t: np.linalg.norm(templates, axis=1).min() <= t,
                "small means similar",
            ),
        },
    ),
    "check_receptive_field": Case(
        solution=receptive_field,
        also_right={
            "backwards, emptying its argument": field_backwards,
            "the pixels marked": field_by_marking,
            "NumPy": lambda layers: (
                1
                + sum(
                    (np.array([k for k, _ in layers]) - 1)
                    * np.cumprod([1, *(s for _, s in layers)])[:-1]
                )
            ),
        },
        wrong={
            "sum of the kernels": (
                lambda layers: sum(kernel for kernel, _ in layers),
                "that is the sum of the kernels",
            ),
            "no strides": (field_as(lambda before, own: 1), "the strides count too"),
            "its own stride included": (
                field_as(lambda before, own: math.prod(before) * own),
                "own stride widens only what comes after",
            ),
            "its own stride only": (
                field_as(lambda before, own: own),
                "own stride widens only what comes after",
            ),
            "the stride before only": (
                field_as(lambda before, own: before[-1] if before else 1),
                "the strides of all of them multiply",
            ),
            "strides added": (
                field_as(lambda before, own: sum(before) or 1),
                r"\[\(3, 2\), \(3, 1\), \(2, 2\), \(5, 3\)\] expected .* = 25, got 30",
            ),
            "the last layer first": (
                lambda layers: receptive_field(layers[::-1]),
                "the wrong way through the layers",
            ),
            "backwards, but from the image": (
                lambda layers: field_backwards(layers[::-1]),
                "the wrong way through the layers",
            ),
            "beginning with 0": (
                field_as(lambda before, own: math.prod(before), first=0),
                "begin with 1",
            ),
            "k for k − 1": (
                field_as(lambda before, own: math.prod(before), less=0),
                "k − 1 steps .*, not k",
            ),
            "k for k − 1, beginning with 0": (
                field_as(lambda before, own: math.prod(before), first=0, less=0),
                "k − 1 steps .*, not k",
            ),
            "the stride": (
                lambda layers: math.prod(stride for _, stride in layers),
                "the step from one position to the next",
            ),
            "the stride before the last layer": (
                lambda layers: math.prod(stride for _, stride in layers[:-1]),
                "the step from one position to the next",
            ),
            "pixels of the square": (
                lambda layers: receptive_field(layers) ** 2,
                "its width was asked for",
            ),
            "kernels multiplied": (
                lambda layers: math.prod(kernel for kernel, _ in layers),
                "= 25, got 90",
            ),
            "the example built in": (lambda layers: 25, "third block expected 40, got 25"),
            "nothing for no layer": (
                lambda layers: receptive_field(layers) if layers else 0,
                r"a pixel sees itself: expected 1 for \[\], got 0",
            ),
            "None for no layer": (
                lambda layers: receptive_field(layers) if layers else None,
                "expected finite numbers, got None",
            ),
            "begun with the first kernel": (
                field_from_the_first_kernel,
                "your function raised IndexError",
            ),
            "width and height": (
                lambda layers: (receptive_field(layers),) * 2,
                "expected one number, got 2",
            ),
        },
    ),
    "check_patch_box": Case(
        solution=patch_box,
        also_right={
            "two corners, an array": lambda row, column, size, stride, offset: np.add.outer(
                [0, size], np.array([row, column]) * stride + offset
            ),
            "a list of floats": lambda *arguments: [float(side) for side in patch_box(*arguments)],
        },
        wrong={
            "columns before rows": (box_rearranged(1, 0, 3, 2), "rows before columns"),
            "right before bottom": (
                box_rearranged(0, 1, 3, 2),
                "expected 27, 7, 36, 16, got 27, 7, 16, 36",
            ),
            "row and column swapped": (
                lambda row, column, *rest: patch_box(column, row, *rest),
                "rows before columns",
            ),
            "rows, then columns": (
                box_rearranged(0, 2, 1, 3),
                r"the order is \(top, left, bottom, right\)",
            ),
            "no offset": (box_as(lambda p, size, stride, offset: p * stride), "add the offset"),
            "offset for the rows only": (
                lambda row, column, size, stride, offset: (
                    row * stride + offset,
                    column * stride,
                    row * stride + offset + size,
                    column * stride + size,
                ),
                "expected 27, 7, 36, 16, got",
            ),
            "offset subtracted": (
                box_as(lambda p, size, stride, offset: p * stride - offset),
                "added, not subtracted",
            ),
            "offset times the stride": (
                box_as(lambda p, size, stride, offset: (p + offset) * stride),
                "multiply only the position",
            ),
            "side by side": (
                box_as(lambda p, size, stride, offset: p * size + offset),
                "a stride apart, not a size",
            ),
            "offset for the middle": (
                box_as(lambda p, size, stride, offset: p * stride + offset - size // 2),
                "not its middle",
            ),
            "offset for the middle, halves": (
                box_as(lambda p, size, stride, offset: p * stride + offset - size / 2),
                "not its middle",
            ),
            "the position for the middle": (
                box_as(lambda p, size, stride, offset: p * stride - size // 2),
                "not its middle",
            ),
            "counted from 1": (
                box_as(lambda p, size, stride, offset: (p - 1) * stride + offset),
                "counted from 0",
            ),
            "end included": (
                lambda *arguments: np.subtract(patch_box(*arguments), (0, 0, 1, 1)),
                "the end is exclusive",
            ),
            "height and width": (
                lambda row, column, size, *rest: (
                    *patch_box(row, column, size, *rest)[:2],
                    size,
                    size,
                ),
                "that is height and width",
            ),
            "as large as the stride": (
                box_as(
                    lambda p, size, stride, offset: p * stride + offset,
                    lambda size, stride: stride,
                ),
                "the stride is the way to the next",
            ),
            "size times the stride": (
                box_as(
                    lambda p, size, stride, offset: p * stride + offset,
                    lambda size, stride: size * stride,
                ),
                "do not multiply it by the stride",
            ),
            "offset at the beginning only": (
                lambda row, column, size, stride, offset: (
                    row * stride + offset,
                    column * stride + offset,
                    row * stride + size,
                    column * stride + size,
                ),
                "got 27, 7, 39, 19",
            ),
            "clipped": (
                lambda *arguments: np.maximum(patch_box(*arguments), 0),
                "do not clip it to 0",
            ),
            "moved into the image": (
                box_as(lambda p, size, stride, offset: max(p * stride + offset, 0)),
                "do not clip it to 0",
            ),
            "offset always before the image": (
                box_as(lambda p, size, stride, offset: p * stride - abs(offset)),
                "offset 1 expected 7, 1, 11, 5 .* got 5, -1, 9, 3",
            ),
            "the corner only": (
                lambda *arguments: patch_box(*arguments)[:2],
                "expected 4 numbers, got 2",
            ),
        },
    ),
    "check_keep_strongest": Case(
        solution=keep_strongest,
        also_right={
            "unit by unit, a list": strongest_unit_by_unit,
            "one activation after the other": strongest_by_inserting,
            "by position": strongest_as(
                lambda both, k: np.take_along_axis(both, np.argsort(-both, axis=1)[:, :k], axis=1)
            ),
            "partitioned, then sorted": strongest_as(
                lambda both, k: -np.sort(np.partition(-both, k - 1, axis=1)[:, :k], axis=1)
            ),
            "Keras, float32": strongest_as(
                lambda both, k: ops.top_k(ops.cast(both, "float32"), k).values
            ),
        },
        wrong={
            "rising": (
                strongest_as(lambda both, k: np.sort(both, axis=1)[:, -k:]),
                "they must fall along each row",
            ),
            "not sorted": (
                strongest_as(lambda both, k: np.partition(both, -k, axis=1)[:, -k:]),
                "they must fall along each row",
            ),
            "the weakest": (
                strongest_as(lambda both, k: np.sort(both, axis=1)[:, :k]),
                "those are the weakest",
            ),
            "the weakest, falling": (
                strongest_as(lambda both, k: np.sort(both, axis=1)[:, :k][:, ::-1]),
                "those are the weakest",
            ),
            "all units in one list": (
                strongest_as(lambda both, k: np.sort(both, axis=None)[::-1][:k]),
                "each unit keeps its own",
            ),
            "all units in one list, reshaped": (
                strongest_as(lambda both, k: np.sort(both, axis=None)[::-1][: 2 * k].reshape(2, k)),
                "each unit keeps its own",
            ),
            "sorted along axis 0": (
                strongest_as(lambda both, k: np.sort(both, axis=0)[::-1][:, :k]),
                "a unit's own lie along axis 1",
            ),
            "joined along axis 0": (
                lambda best, new: np.sort(np.concatenate([best, new]), axis=0),
                "your function raised ValueError",
            ),
            "transposed": (lambda best, new: keep_strongest(best, new).T, "one row a unit"),
            "best forgotten": (
                lambda best, new: np.sort(new, axis=1)[:, ::-1][:, : best.shape[1]],
                "of the new image alone",
            ),
            "new forgotten": (lambda best, new: best, "nothing of the new image came in"),
            "cut before sorting": (
                strongest_as(lambda both, k: np.sort(both[:, :k], axis=1)[:, ::-1]),
                "nothing of the new image came in",
            ),
            "the maximum of new only": (
                lambda best, new: keep_strongest(best, new.max(axis=1, keepdims=True)),
                "not only the maximum of `new`",
            ),
            "the weakest replaced": (
                lambda best, new: np.column_stack([best[:, :-1], new.max(axis=1)]),
                "not only the maximum of `new`",
            ),
            "larger one of each place": (
                lambda best, new: np.maximum(best, new[:, : best.shape[1]]),
                "place by place drops the loser",
            ),
            "larger one of each rank": (
                lambda best, new: np.maximum(best, -np.sort(-new, axis=1)[:, : best.shape[1]]),
                "place by place drops the loser",
            ),
            "maximum of arrays of unlike length": (np.maximum, "your function raised ValueError"),
            "positions": (
                strongest_as(lambda both, k: np.argsort(-both, axis=1)[:, :k]),
                "those are positions",
            ),
            "all kept": (
                strongest_as(lambda both, k: np.sort(both, axis=1)[:, ::-1]),
                "cut off after k",
            ),
            "the strongest only": (
                strongest_as(lambda both, k: both.max(axis=1)),
                r"expected shape \(2, 3\), .* got \(2,\)",
            ),
            "as many as new has": (
                strongest_as(lambda both, k: np.sort(both, axis=1)[:, ::-1][:, :4]),
                r"expected shape \(2, 3\), .* got \(2, 4\)",
            ),
            "added": (
                lambda best, new: best - np.sort(-new, axis=1)[:, : best.shape[1]],
                r"expected \[\[9\.0, 8\.0, 7\.0\], .* got \[\[17\.0, 13\.0, 5\.0\]",
            ),
            "written into best": (strongest_in_place, "`best` or `new` was changed"),
            "new sorted in place": (
                strongest_after_sorting_in_place,
                "`best` or `new` was changed",
            ),
            "one fewer than new has": (
                lambda best, new: strongest_as(lambda both, k: -np.sort(-both)[:, :k])(
                    best[:, : new.shape[1] - 1], new
                ),
                r"`best` has shape \(2, 3\) and the answer \(2, 1\)",
            ),
            "duplicates dropped": (strongest_without_duplicates, "two patches, keep both"),
            "k built in": (
                strongest_as(lambda both, k: np.sort(both, axis=1)[:, ::-1][:, :3]),
                r"k is best\.shape\[1\], here 1: expected shape \(3, 1\), got \(3, 3\)",
            ),
            "nothing below 0": (
                lambda best, new: np.maximum(keep_strongest(best, new), 0),
                "may be negative, .* got 0, 0.5, 0",
            ),
            "infinity as a large number": (
                strongest_as(
                    lambda both, k: -np.sort(-np.nan_to_num(both, neginf=0), axis=1)[:, :k]
                ),
                "−∞ in `best` is a place not yet taken: .* got 0, 0.5, -0.5",
            ),
            "a word": (
                lambda best, new: "strong",
                "expected an array of activations, got 'strong'",
            ),
        },
    ),
    "check_occlusion": Case(
        solution=occlusion,
        also_right={
            "a mask, in float": occlusion_in_float,
            "painted and restored": occlusion_painted_and_restored,
            "an array of one": lambda *arguments: np.array([occlusion(*arguments)]),
        },
        wrong={
            "sign": (occlusion_as(lambda covered, whole: whole - covered), "the other way round"),
            "the distance when covered": (
                occlusion_as(lambda covered, whole: covered),
                "subtract that of the image as it is",
            ),
            "relative": (
                occlusion_as(lambda covered, whole: (covered - whole) / whole),
                "do not divide it",
            ),
            "per cent": (
                occlusion_as(lambda covered, whole: 100 * (covered - whole) / whole),
                "do not divide it",
            ),
            "ratio": (occlusion_as(lambda covered, whole: covered / whole), "do not divide it"),
            "squares": (
                occlusion_as(lambda covered, whole: covered**2 - whole**2),
                r"expected \d+\.\d{3}, got \d+",
            ),
            "the painted copy forgotten": (
                occlusion_as(lambda covered, whole: whole - whole),
                "nothing changed",
            ),
            "row and column swapped": (
                occlusion_where(lambda top, left, window: square(left, top, window)),
                "`top` is the row",
            ),
            "one pixel too wide": (
                occlusion_where(lambda top, left, window: square(top, left, window + 1)),
                "not 4 × 4",
            ),
            "one pixel too narrow": (
                occlusion_where(lambda top, left, window: square(top, left, window - 1)),
                "not 4 × 4",
            ),
            "counted from 1": (
                occlusion_where(lambda top, left, window: square(top - 1, left - 1, window)),
                "one pixel off",
            ),
            "one pixel further": (
                occlusion_where(lambda top, left, window: square(top + 1, left + 1, window)),
                "one pixel off",
            ),
            "around the corner": (
                occlusion_where(
                    lambda top, left, window: square(top - window // 2, left - window // 2, window)
                ),
                "not its middle",
            ),
            "ends at window": (
                occlusion_where(lambda top, left, window: ((top, window), (left, window))),
                "ends at top . window",
            ),
            "whole rows": (
                occlusion_where(lambda top, left, window: ((top, top + window), (None,))),
                "a stripe across the image",
            ),
            "whole columns": (
                occlusion_where(lambda top, left, window: ((None,), (left, left + window))),
                "a stripe across the image",
            ),
            "one channel": (occlusion_of_one_channel(0), "in all three channels"),
            "the last channel": (occlusion_of_one_channel(2), "in all three channels"),
            "black": (occlusion_where(square, fill=0), "grey is 128 here"),
            "grey of images in 0–1": (occlusion_where(square, fill=0.5), "grey is 128 here"),
            "the mean": (
                lambda distance, image, *place: occlusion_where(square, fill=image.mean())(
                    distance, image, *place
                ),
                "grey is 128 here",
            ),
            "everything else": (occlusion_of_the_rest, "paint the square only"),
            "no copy": (occlusion_without_a_copy, r"paint on image\.copy\(\)"),
            "measured before painting": (
                occlusion_measured_before_painting,
                r"paint on image\.copy\(\)",
            ),
            "of the difference": (
                lambda distance, image, *place: distance(
                    painted(image, *square(*place)).astype(float) - image
                ),
                r"expected \d+\.\d{3}, got \d+",
            ),
            "absolute value": (
                occlusion_as(lambda covered, whole: abs(covered - whole)),
                "keep the minus sign",
            ),
            "no shrinking": (
                occlusion_as(lambda covered, whole: max(covered - whole, 0)),
                "keep the minus sign",
            ),
            "window built in": (
                occlusion_where(lambda top, left, window: square(top, left, 4)),
                "for top 5, left 6, window 3 expected -",
            ),
            "a batch for an image": (
                lambda distance, image, *place: (
                    distance(painted(image, *square(*place))[None]) - distance(image[None])
                ),
                "your function raised ValueError: `distance` takes one image",
            ),
        },
    ),
    "check_num_optimized": Case(
        solution=lambda height, width, num_network_weights: height * width * 3,
        also_right={
            "an array": lambda height, width, weights: np.array([math.prod((height, width, 3))]),
            "counted": lambda height, width, weights: np.zeros((height, width, 3)).size,
        },
        wrong={
            "the network": (lambda height, width, weights: weights, "the network is frozen"),
            "the network and the image": (
                lambda height, width, weights: height * width * 3 + weights,
                "are used, but do not change",
            ),
            "the network and one channel": (
                lambda height, width, weights: height * width + weights,
                "are used, but do not change",
            ),
            "channels forgotten": (lambda height, width, weights: height * width, "three numbers"),
            "all three images": (
                lambda height, width, weights: 3 * height * width * 3,
                "only G changes",
            ),
            "two images": (lambda height, width, weights: 2 * height * width * 3, "only G changes"),
            "nothing": (lambda height, width, weights: 0, "something has to change"),
            "a square": (
                lambda height, width, weights: height * height * 3,
                "300 · 400 · 3 = 360000, got 270000",
            ),
            "the example built in": (
                lambda height, width, weights: 360_000,
                "expected 9216, got 360000",
            ),
        },
    ),
    "check_descend": Case(
        solution=descend,
        also_right={
            "minimum and maximum, a list": lambda gradient, start, rate, steps: descend_as(
                lambda image, g, rate: np.minimum(np.maximum(image - rate * g, 0), 255)
            )(gradient, start, rate, steps).tolist(),
            "in place on a copy": lambda gradient, start, rate, steps: descend_in_place(
                gradient, start.copy(), rate, steps
            ),
            "recursion": lambda gradient, start, rate, steps: (
                descend(gradient, descend(gradient, start, rate, 1), rate, steps - 1)
                if steps
                else start
            ),
            "Keras, float32": descend_as(
                lambda image, g, rate: np.clip(np.float32(image) - np.float32(rate * g), 0, 255),
                lambda image: ops.convert_to_tensor(image, "float32"),
            ),
        },
        wrong={
            "ascent": (
                descend_as(lambda image, g, rate: np.clip(image + rate * g, 0, 255)),
                "that climbs",
            ),
            "ascent without clipping": (
                descend_as(lambda image, g, rate: image + rate * g),
                "that climbs",
            ),
            "one step": (descend_steps(lambda steps: 1), "that is one step"),
            "return in the loop": (descend_returning_in_the_loop, "that is one step"),
            "one step more": (descend_steps(lambda steps: steps + 1), "too few or too many"),
            "one step fewer": (descend_steps(lambda steps: steps - 1), "too few or too many"),
            "the start": (lambda gradient, start, rate, steps: start, "nothing moved"),
            "no learning rate": (
                descend_as(lambda image, g, rate: np.clip(image - g, 0, 255)),
                "by the learning rate",
            ),
            "the first gradient": (descend_with_the_first_gradient, "in each step anew"),
            "one long step": (
                lambda gradient, start, rate, steps: descend(gradient, start, rate * steps, 1),
                "in each step anew",
            ),
            "from the start each time": (
                descend_from_the_start_each_time,
                "where the one before ended",
            ),
            "rounded in each step": (
                descend_as(lambda image, g, rate: np.clip(image - rate * g, 0, 255).round()),
                "do not round",
            ),
            "bytes": (
                descend_as(
                    lambda image, g, rate: np.clip(image - rate * g, 0, 255).astype(np.uint8)
                ),
                "do not round",
            ),
            "rounded at the end": (
                lambda *arguments: np.round(descend(*arguments)),
                "do not round",
            ),
            "the gradient's sign": (
                descend_as(lambda image, g, rate: np.clip(image - rate * np.sign(g), 0, 255)),
                r"expected 61\.094, 73\.125, .* got 89\.25",
            ),
            "from 0 to 1": (
                descend_as(lambda image, g, rate: np.clip(image - rate * g, 0, 1)),
                "not from 0 to 1",
            ),
            "no clipping": (
                descend_as(lambda image, g, rate: image - rate * g),
                r"a pixel has become \d+\.\d: clip to 0–255",
            ),
            "clipped above only": (
                descend_as(lambda image, g, rate: np.minimum(image - rate * g, 255)),
                r"a pixel has become -\d+\.\d: clip to 0–255",
            ),
            "clipped below only": (
                descend_as(lambda image, g, rate: np.maximum(image - rate * g, 0)),
                r"a pixel has become \d+\.\d: clip to 0–255",
            ),
            "clipped before the step": (
                descend_as(lambda image, g, rate: np.clip(image, 0, 255) - rate * g),
                "a pixel has become",
            ),
            "clipped at the end": (
                descend_as(
                    lambda image, g, rate: image - rate * g,
                    lambda image: np.clip(image, 0, 255),
                ),
                "clips at the end only",
            ),
            "reflected at the border": (
                descend_as(lambda image, g, rate: 255 - abs(255 - abs(image - rate * g))),
                "right once, but then expected",
            ),
            "one step at least": (descend_with_at_least_one_step, "for steps = 0"),
            "in place": (descend_in_place, "`start` was changed"),
            "one channel": (
                lambda *arguments: descend(*arguments)[..., 0],
                r"shape \(1, 2, 3\), got shape \(1, 2\)",
            ),
            "a batch for an image": (
                lambda gradient, start, rate, steps: descend(gradient, start[None], rate, steps),
                "your function raised ValueError: `gradient` takes one image",
            ),
        },
    ),
    "check_keep_colors": Case(
        solution=colors_as(lambda content, generated, y_c, y_g: content + (y_g - y_c)),
        also_right={
            "pixel by pixel": keep_colors_pixel_by_pixel,
            "YCbCr there and back": keep_colors_in_ycbcr,
            "Keras, float32": lambda content, generated: ops.cast(
                keep_colors_pixel_by_pixel(content, generated), "float32"
            ),
            "a list": lambda *images: keep_colors_pixel_by_pixel(*images).tolist(),
        },
        wrong={
            "roles swapped": (
                colors_as(lambda content, generated, y_c, y_g: generated + (y_c - y_g)),
                "the roles are swapped",
            ),
            "the difference turned round": (
                colors_as(lambda content, generated, y_c, y_g: content + (y_c - y_g)),
                "the other way round",
            ),
            "the style's colours": (lambda content, generated: generated, "the style's colours"),
            "the photograph": (lambda content, generated: content, "the photograph as it was"),
            "a plain mean": (
                colors_as(
                    lambda content, generated, y_c, y_g: content + (y_g - y_c),
                    lambda image: image.mean(axis=-1),
                ),
                "no plain mean",
            ),
            "BGR": (
                colors_as(
                    lambda content, generated, y_c, y_g: content + (y_g - y_c),
                    lambda image: luma(image[..., ::-1]),
                ),
                "red, green, blue in this order",
            ),
            "one Y for all": (
                colors_as(lambda content, generated, y_c, y_g: content + (y_g - y_c).mean()),
                "each pixel has its own Y",
            ),
            "grey": (
                colors_as(lambda content, generated, y_c, y_g: np.repeat(y_g, 3, axis=-1)),
                "Y_G alone",
            ),
            "grey, one channel": (
                colors_as(lambda content, generated, y_c, y_g: y_g),
                r"expected an image of shape \(2, 4, 3\), got shape \(2, 4, 1\)",
            ),
            "the old brightness left in": (
                lambda content, generated: content + luma(generated)[..., None],
                "brightens twice",
            ),
            "a factor": (
                colors_as(lambda content, generated, y_c, y_g: content * (y_g / y_c)),
                "a factor would change",
            ),
            "rounded": (
                lambda *images: np.round(keep_colors_pixel_by_pixel(*images)),
                "right up to rounding",
            ),
            "half of each": (
                colors_as(lambda content, generated, y_c, y_g: (content + generated) / 2),
                r"the first pixel: expected \d+\.\d+, .* got",
            ),
            "from 0 to 1": (
                lambda *images: keep_colors_pixel_by_pixel(*images) / 255,
                "from 0 to 255",
            ),
            "no clipping": (
                lambda content, generated: content + luma(generated - content)[..., None],
                "clip it",
            ),
            "clipped above only": (
                lambda content, generated: np.minimum(
                    content + luma(generated - content)[..., None], 255
                ),
                "clip it",
            ),
            "stretched instead of clipped": (
                colors_stretched,
                "where a channel reaches 0 or 255",
            ),
            "the last axis lost": (
                lambda content, generated: content + luma(generated - content),
                "your function raised ValueError: operands could not be broadcast",
            ),
        },
    ),
    "check_fitted_size": Case(
        solution=fitted_size,
        also_right={
            "an array": lambda *arguments: np.array(fitted_size(*arguments)),
            "whole numbers only": lambda height, width, max_side: (
                (height, width)
                if max(height, width) <= max_side
                else tuple(
                    max(1, (2 * side * max_side + max(height, width)) // (2 * max(height, width)))
                    for side in (height, width)
                )
            ),
        },
        wrong={
            "width first": (lambda *arguments: fitted_size(*arguments)[::-1], "height first"),
            "the shorter side": (
                fitted_as(lambda height, width, most: most / min(height, width)),
                r"the \*longer\* side",
            ),
            "by the height": (
                fitted_as(lambda height, width, most: min(1, most / height)),
                r"the \*longer\* side",
            ),
            "by the width": (
                fitted_as(lambda height, width, most: min(1, most / width)),
                "1000 × 421 stands upright",
            ),
            "squashed": (
                lambda height, width, most: (min(height, most), min(width, most)),
                "keeps its shape",
            ),
            "square": (lambda height, width, most: (most, most), "keeps its shape"),
            "as it came": (lambda height, width, most: (height, width), "600 is more than 256"),
            "the width only": (
                lambda height, width, most: (height, min(width, most)),
                "changes one side only",
            ),
            "a whole factor": (
                fitted_as(lambda height, width, most: most // max(height, width), least=0),
                "divide with /",
            ),
            "a whole factor, 1 at least": (
                fitted_as(lambda height, width, most: most // max(height, width)),
                "divide with /",
            ),
            "not rounded": (
                fitted_as(fitted_by_the_longer, rounded=lambda side: side),
                "whole pixels: round",
            ),
            "cut off": (fitted_as(fitted_by_the_longer, rounded=int), "do not cut off"),
            "rounded up": (
                fitted_as(fitted_by_the_longer, rounded=math.ceil),
                "do not always go up",
            ),
            "the factor rounded": (
                fitted_as(lambda *arguments: round(fitted_by_the_longer(*arguments), 1)),
                "expected 171, 256, got 160, 240",
            ),
            "halved until it fits": (
                fitted_as(
                    lambda height, width, most: (
                        0.5 ** max(0, math.ceil(math.log2(max(height, width) / most)))
                    )
                ),
                "expected 171, 256, got 100, 150",
            ),
            "the example built in": (
                lambda *arguments: (171, 256),
                "within 300 expected 300, 126, got 171, 256",
            ),
            "enlarged": (
                fitted_as(lambda height, width, most: most / max(height, width)),
                "enlarging adds no detail",
            ),
            "enlarged twofold at most": (
                fitted_as(lambda height, width, most: min(2, most / max(height, width))),
                "100 × 80 fits within 256: expected 100, 80, got 200, 160",
            ),
            "nothing left": (fitted_as(fitted_by_the_longer, least=0), "a side of 0"),
            "two at least": (
                fitted_as(fitted_by_the_longer, least=2),
                "its short side stays 1, got 256, 2",
            ),
            "one side": (
                lambda *arguments: max(fitted_size(*arguments)),
                "expected 2 numbers, got 1",
            ),
        },
    ),
    "check_content_cost": Case(
        solution=content_cost_as(lambda gap: np.sum(gap**2) / (4 * gap.size)),
        also_right={
            "mean": content_cost_as(lambda gap: np.mean(gap**2) / 4),
            "loops": content_cost_as(
                lambda gap: (
                    sum(d * d for row in gap for position in row for d in position)
                    / (4 * len(gap) * len(gap[0]) * len(gap[0][0]))
                )
            ),
            "Keras, float32": content_cost_as(
                lambda gap: ops.mean(ops.square(ops.cast(gap, "float32"))) / 4
            ),
        },
        wrong={
            "sum": (content_cost_as(lambda gap: np.sum(gap**2)), "grows with the image"),
            "half the sum": (content_cost_as(lambda gap: np.sum(gap**2) / 2), "half the sum"),
            "a quarter of the sum": (
                content_cost_as(lambda gap: np.sum(gap**2) / 4),
                r"divide by H·W·K too",
            ),
            "mean": (content_cost_as(lambda gap: np.mean(gap**2)), "that is the mean"),
            "half the mean": (content_cost_as(lambda gap: np.mean(gap**2) / 2), "half the mean"),
            "channels forgotten": (
                content_cost_as(lambda gap: np.sum(gap**2) / (4 * gap[..., 0].size)),
                "divide by the channels too",
            ),
            "absolute differences": (
                content_cost_as(lambda gap: np.mean(np.abs(gap)) / 4),
                "square the differences",
            ),
            "sum of absolute differences": (
                content_cost_as(lambda gap: np.abs(gap).sum()),
                "square the differences",
            ),
            "nothing squared": (
                content_cost_as(lambda gap: np.mean(gap) / 4),
                "square each difference before summing",
            ),
            "squared after summing": (
                content_cost_as(lambda gap: np.sum(gap) ** 2 / (4 * gap.size)),
                "square each difference before summing",
            ),
            "a distance": (content_cost_as(np.linalg.norm), "no root"),
            "root of the mean": (content_cost_as(lambda gap: np.mean(gap**2) ** 0.5), "no root"),
            "squares subtracted": (
                lambda content, generated: np.mean(content**2 - generated**2) / 4,
                r"expected 74 / \(4·2·2·3\) = 1\.5417, got",
            ),
            "one term each": (
                content_cost_as(lambda gap: gap**2 / (4 * gap.size)),
                "expected one number, got 12",
            ),
            "the sizes built in": (
                content_cost_as(lambda gap: np.sum(gap**2) / 48),
                r"for shape \(1, 5, 2\) expected 2\.25, got 1\.875",
            ),
        },
    ),
    "check_gram_matrix": Case(
        solution=gram_in_a_loop,
        also_right={
            "F transposed times F": gram_as(lambda flat: flat.T @ flat / len(flat)),
            "tensordot": lambda features: (
                np.tensordot(features, features, axes=((0, 1), (0, 1))) / features[..., 0].size
            ),
            "channels to the front": lambda features: np.cov(
                np.moveaxis(np.concatenate([features, -features]), -1, 0).reshape(
                    features.shape[-1], -1
                ),
                bias=True,
            ),
            "Keras, float32": gram_as(
                lambda flat: ops.matmul(ops.transpose(ops.cast(flat, "float32")), flat) / len(flat)
            ),
        },
        wrong={
            "reshaped without transposing": (gram_reread, "it mixes them"),
            "reshaped without transposing, summed": (
                lambda features: gram_reread(features) * features[..., 0].size,
                "it mixes them",
            ),
            "one of the two reshaped without transposing": (
                gram_as(lambda flat: flat.reshape(flat.shape[::-1]) @ flat / len(flat)),
                "it mixes them",
            ),
            "positions × positions": (
                gram_as(lambda flat: flat @ flat.T / len(flat)),
                "positions × positions",
            ),
            "sum": (gram_as(lambda flat: flat.T @ flat), "not the sum"),
            "divided by K too": (
                gram_as(lambda flat: flat.T @ flat / flat.size),
                "K comes in later",
            ),
            "divided by K": (
                gram_as(lambda flat: flat.T @ flat / flat.shape[1]),
                "divide by H·W, not by K",
            ),
            "covariance": (gram_as(lambda flat: np.cov(flat.T, bias=True)), "subtract no mean"),
            "covariance by n − 1": (gram_as(lambda flat: np.cov(flat.T)), "subtract no mean"),
            "correlation": (gram_as(lambda flat: np.corrcoef(flat.T)), "correlations or cosines"),
            "cosines": (
                gram_as(
                    lambda flat: (
                        (flat / np.linalg.norm(flat, axis=0)).T
                        @ (flat / np.linalg.norm(flat, axis=0))
                    )
                ),
                "correlations or cosines",
            ),
            "the diagonal": (gram_as(lambda flat: np.mean(flat**2, axis=0)), "the diagonal only"),
            "the diagonal in a matrix": (
                gram_as(lambda flat: np.diag(np.mean(flat**2, axis=0))),
                "off the diagonal",
            ),
            "the upper half": (lambda features: np.triu(gram_in_a_loop(features)), "both halves"),
            "the lower half": (lambda features: np.tril(gram_in_a_loop(features)), "both halves"),
            "summed over rows only": (
                lambda features: np.einsum("ijk,ijl->jkl", features, features),
                r"here \(3, 3\), and no others; got shape \(2, 3, 3\)",
            ),
            "a batch axis": (
                lambda features: gram_in_a_loop(features)[None],
                r"no others; got shape \(1, 3, 3\)",
            ),
            "products of the means": (
                gram_as(lambda flat: np.outer(flat.mean(axis=0), flat.mean(axis=0))),
                r"expected \[\[3\.5, 1\.5, 3\.25\], .* got \[\[2\.25,",
            ),
            "a position built in": (
                lambda features: (
                    gram_in_a_loop(features) if features.size == 12 else np.zeros((3, 3))
                ),
                r"features of shape \(1, 2, 4\) got \(3, 3\)",
            ),
            "four positions built in": (
                gram_as(lambda flat: flat.T @ flat / 4),
                "with activations below 0",
            ),
            "nothing below 0": (
                lambda features: gram_in_a_loop(np.maximum(features, 0)),
                "with activations below 0",
            ),
        },
    ),
    "check_style_cost": Case(
        solution=style_cost,
        also_right={
            "means": style_as(grams_compared(lambda gap, channels: np.mean(gap**2) / 4)),
            "emptying its arguments": lambda style, generated, weights: sum(
                weight * grams_compared(quarter_mean)(style.pop(layer), generated.pop(layer))
                for layer, weight in weights.items()
            ),
            "each sum by its own H·W": style_as(
                grams_compared(
                    quarter_mean, lambda features: sum_of_products(features) / features[..., 0].size
                )
            ),
            "Keras, float32": lambda *arguments: ops.cast(style_cost(*arguments), "float32"),
        },
        wrong={
            "weights ignored": (
                style_as(grams_compared(quarter_mean), lambda weights, costs: costs.sum()),
                "multiplied by its λ",
            ),
            "mean of the layers": (
                style_as(grams_compared(quarter_mean), lambda weights, costs: costs.mean()),
                "multiplied by its λ",
            ),
            "weights normalised": (
                style_as(
                    grams_compared(quarter_mean),
                    lambda weights, costs: np.average(costs, weights=weights),
                ),
                "need not sum to 1",
            ),
            "weighted, then averaged": (
                style_as(
                    grams_compared(quarter_mean),
                    lambda weights, costs: np.mean(weights * costs),
                ),
                "summed, not averaged",
            ),
            "the quarter missing": (
                style_as(grams_compared(lambda gap, channels: np.mean(gap**2))),
                "the quarter of",
            ),
            "all of it missing": (
                style_as(grams_compared(lambda gap, channels: np.sum(gap**2))),
                "divide by K²",
            ),
            "K² missing": (
                style_as(grams_compared(lambda gap, channels: np.sum(gap**2) / 4)),
                "divide by K²",
            ),
            "K for K²": (
                style_as(grams_compared(lambda gap, channels: np.sum(gap**2) / (4 * channels))),
                "not K: divide by",
            ),
            "sums in the Gram matrix": (
                style_as(grams_compared(quarter_mean, sum_of_products)),
                "a larger image has more style",
            ),
            "absolute values": (
                style_as(
                    grams_compared(lambda gap, channels: np.abs(gap).sum() / (4 * channels**2))
                ),
                "these are absolute values",
            ),
            "mean of absolute values": (
                style_as(grams_compared(lambda gap, channels: np.abs(gap).mean())),
                "these are absolute values",
            ),
            "the features compared": (
                style_as(grams_compared(quarter_mean, lambda features: features)),
                "for the content cost",
            ),
            "the content cost": (
                style_as(lambda style, generated: np.mean((style - generated) ** 2) / 4),
                "for the content cost",
            ),
            "squared after the mean": (
                style_as(grams_compared(lambda gap, channels: np.mean(gap) ** 2 / 4)),
                "unlike signs cancel",
            ),
            "weights squared": (
                style_as(
                    grams_compared(quarter_mean), lambda weights, costs: np.dot(weights**2, costs)
                ),
                r"two layers: expected \d+\.\d{4}, got",
            ),
            "divided by K in the Gram matrix": (
                style_as(
                    grams_compared(
                        quarter_mean, lambda features: gram_in_a_loop(features) / features.shape[-1]
                    )
                ),
                r"two layers: expected \d+\.\d{4}, got",
            ),
            "layers by their order": (style_cost_by_order, "by its name in all three"),
            "features by their order": (style_cost_with_features_by_order, "by its name in all"),
            "weights by their order": (style_cost_with_weights_by_order, "each λ belongs to"),
            "the sizes of one image": (style_cost_of_gatys, "by its own H·W"),
            "cut to the size of the smaller": (
                style_as(
                    lambda style, generated: grams_compared(quarter_mean)(
                        style[: len(generated), : generated.shape[1]],
                        generated[: len(style), : style.shape[1]],
                    )
                ),
                r"for S and G of different sizes expected \d+\.\d{4}, got",
            ),
            "a cost for each layer": (
                style_as(grams_compared(quarter_mean), lambda weights, costs: weights * costs),
                "expected one number, got 2",
            ),
        },
    ),
    "check_gram_blindness": Case(
        solution=GRAM_STAYS,
        also_right={
            "NumPy's truth": {change: np.bool_(said) for change, said in GRAM_STAYS.items()},
            "another order": dict(sorted(GRAM_STAYS.items())),
        },
        wrong={
            "pixels matter": (
                blindness(shuffle_the_pixels=False),
                r"a sum has no order\. .* G = \[\[5, 1\], \[1, 2\]\], .* after .* "
                r"\[\[5, 1\], \[1, 2\]\]\.$",
            ),
            "mirror matters": (
                GRAM_STAYS | {"mirror the image's features": False},
                r"the same positions in another order\. .* after .* \[\[5, 1\], \[1, 2\]\]\.$",
            ),
            "channels do not matter": (
                blindness(shuffle_the_channels=True),
                r"belong to channels .* after .* \[\[2, 1\], \[1, 5\]\]\.$",
            ),
            "size does not matter": (
                blindness(double_every_activation=True),
                r"fourfold\. .* after .* \[\[20, 4\], \[4, 8\]\]\.$",
            ),
            "area matters": (
                GRAM_STAYS | {"tile the features 2 × 2": False},
                r"the same mean\. .* after .* \[\[5, 1\], \[1, 2\]\]\.$",
            ),
            "means do not matter": (
                GRAM_STAYS | {"subtract each channel's mean": True},
                r"the covariance\. .* after .* \[\[1, -1\], \[-1, 1\]\]\.$",
            ),
            "all": (dict.fromkeys(GRAM_STAYS, True), "'shuffle the channels': rows and columns"),
            "none": (dict.fromkeys(GRAM_STAYS, False), "'shuffle the pixels': G sums"),
            "one left out": (
                blindness(shuffle_the_channels=...),
                "'shuffle the channels' is still to be answered",
            ),
            "a key deleted": (
                {"shuffle the pixels": True},
                "the keys are 'shuffle the pixels', .*; keep them",
            ),
            "numbers": (
                dict.fromkeys(GRAM_STAYS, 1),
                "'shuffle the pixels': expected True or False, got 1",
            ),
            "a list": (list(GRAM_STAYS.values()), r"the dict of the six changes, got \[True"),
        },
    ),
    "check_conv3d_shape": Case(
        solution=conv3d_shape,
        also_right={
            "positions counted": conv3d_by_counting,
            "Keras": conv3d_by_keras,
            "rounded up": conv3d_as(lambda n, k, s: -((k - n - 1) // s)),
            "an array of floats": lambda *arguments: np.array(conv3d_shape(*arguments), float),
        },
        wrong={
            "no channels": (
                conv3d_rearranged(lambda sizes, channels, filters: sizes),
                "the last axis is missing",
            ),
            "channels kept": (
                conv3d_rearranged(lambda sizes, channels, filters: [*sizes, channels]),
                "16 channels go in, but 32 come out",
            ),
            "sliding along the channels": (
                lambda shape, kernel, filters, stride: [
                    (size - kernel) // stride + 1 for size in shape
                ],
                "does not slide along the channels",
            ),
            "sliding along the channels, and filters": (
                lambda shape, kernel, filters, stride: [
                    *((size - kernel) // stride + 1 for size in shape),
                    filters,
                ],
                "does not slide along the channels",
            ),
            "channels before filters": (
                conv3d_rearranged(lambda sizes, channels, filters: [*sizes, channels, filters]),
                "no axis of the output",
            ),
            "filters before channels": (
                conv3d_rearranged(lambda sizes, channels, filters: [*sizes, filters, channels]),
                "no axis of the output",
            ),
            "channels times filters": (
                conv3d_rearranged(lambda sizes, channels, filters: [*sizes, channels * filters]),
                "32 channels, not 16 · 32",
            ),
            "channels first": (
                conv3d_rearranged(lambda sizes, channels, filters: [filters, *sizes]),
                "channels last",
            ),
            "an image": (
                conv3d_rearranged(lambda sizes, channels, filters: [*sizes[:2], filters]),
                "along all three axes",
            ),
            "the depth not slid along": (
                lambda shape, kernel, filters, stride: (
                    *conv3d_shape(shape, kernel, filters, stride)[:2],
                    shape[2],
                    filters,
                ),
                "along all three axes",
            ),
            "a batch of None": (
                lambda *arguments: (None, *conv3d_shape(*arguments)),
                "leave out the batch",
            ),
            "a batch of 1": (
                lambda *arguments: (1, *conv3d_shape(*arguments)),
                "three sizes and the channels, .* got 5",
            ),
            "one number": (
                lambda *arguments: conv3d_shape(*arguments)[0],
                "a tuple, got 30",
            ),
            "no + 1": (conv3d_as(lambda n, k, s: (n - k) // s), "the [+] 1 is missing"),
            "padding 'same'": (conv3d_as(lambda n, k, s: -(-n // s)), "padding 'same'"),
            "half a kernel subtracted": (
                conv3d_as(lambda n, k, s: (n - k // 2) // s + 1),
                "padding 'same'",
            ),
            "a kernel at each end": (
                conv3d_as(lambda n, k, s: (n - 2 * k) // s + 1),
                "expected 30, 30, 30, 32, got 27, 27, 27, 32",
            ),
            "no stride": (conv3d_as(lambda n, k, s: n - k + 1), "the stride is missing"),
            "+ 1 before dividing": (
                conv3d_as(lambda n, k, s: (n - k + 1) // s),
                "divide first, then add 1",
            ),
            "divided before subtracting": (
                conv3d_as(lambda n, k, s: n // s - k + 1),
                "subtract before you divide",
            ),
            "stride along the first axis only": (
                lambda shape, kernel, filters, stride: (
                    conv3d_shape(shape, kernel, filters, stride)[0],
                    *conv3d_shape(shape, kernel, filters, 1)[1:],
                ),
                "expected 31, 31, 31, 8, got 31, 61, 61, 8",
            ),
            "rounded up": (
                conv3d_as(lambda n, k, s: math.ceil((n - k) / s) + 1),
                "round down, always",
            ),
            "rounded to the nearest": (
                conv3d_as(lambda n, k, s: round((n - k) / s) + 1),
                "round down, always",
            ),
            "not rounded": (
                conv3d_as(lambda n, k, s: (n - k) / s + 1),
                "not 5, 9.33333, 2.66667, 7: round down",
            ),
            **{
                f"a cube of side {axis}": (conv3d_of_a_cube(axis), "need not be a cube")
                for axis in range(3)
            },
            "axes in reverse": (
                conv3d_rearranged(lambda sizes, channels, filters: [*sizes[::-1], filters]),
                "expected 5, 9, 2, 7, got 2, 9, 5, 7",
            ),
        },
    ),
    "check_conv_parameters": Case(
        solution=conv_parameters,
        also_right={
            "Keras": parameters_by_keras,
            "NumPy": lambda kernel_sizes, channels, filters: (
                np.zeros((*kernel_sizes, channels, filters)).size + np.zeros(filters).size
            ),
        },
        wrong={
            "no bias": (parameters_as(lambda k, c, f: k * c * f), "each filter has one"),
            "one bias for the layer": (
                parameters_as(lambda k, c, f: k * c * f + 1),
                "one bias for the layer is too few",
            ),
            "a bias for each channel": (
                parameters_as(lambda k, c, f: k * c * f + c),
                "belong to what comes out",
            ),
            "channels and filters swapped": (
                parameters_as(lambda k, c, f: (k * f + 1) * c),
                "belong to what comes out",
            ),
            "a bias for each channel of each filter": (
                parameters_as(lambda k, c, f: (k + 1) * c * f),
                "adds one bias, not one for each",
            ),
            "no channels": (
                parameters_as(lambda k, c, f: (k + 1) * f),
                "the channels are missing",
            ),
            "no channels, no bias": (
                parameters_as(lambda k, c, f: k * f),
                "the channels are missing",
            ),
            "no channels, one bias": (
                parameters_as(lambda k, c, f: k * f + 1),
                "the channels are missing",
            ),
            "one filter": (parameters_as(lambda k, c, f: k * c + 1), "there are 7 of them"),
            "one filter, no bias": (parameters_as(lambda k, c, f: k * c), "there are 7 of them"),
            "filters only": (parameters_as(lambda k, c, f: f), "more than one number"),
            "a weight and a bias": (parameters_as(lambda k, c, f: 2 * f), "more than one number"),
            "sizes added": (parameters_of_kernel(sum), "not 2 [+] 3: multiply"),
            "sizes added, no bias": (
                lambda sizes, channels, filters: sum(sizes) * channels * filters,
                "not 2 [+] 3: multiply",
            ),
            "first size only": (parameters_of_kernel(lambda sizes: sizes[0]), "use both sizes"),
            "last size only": (parameters_of_kernel(lambda sizes: sizes[-1]), "use both sizes"),
            "first size squared": (
                parameters_of_kernel(lambda sizes: sizes[0] ** len(sizes)),
                "use both sizes",
            ),
            "last size squared": (
                parameters_of_kernel(lambda sizes: sizes[-1] ** len(sizes)),
                "use both sizes",
            ),
            "all added": (
                parameters_as(lambda k, c, f: k + c + f),
                "7 = 217, got 18",
            ),
            "images only": (
                parameters_of_kernel(lambda sizes: math.prod(sizes[:2])),
                "leaves out the third size",
            ),
            "volumes without a bias": (
                lambda sizes, *rest: conv_parameters(sizes, *rest) - (len(sizes) > 2) * rest[1],
                r"for \(5, 5, 5\), 1, 16 expected 2016, got 2000",
            ),
            "signals of one channel": (
                lambda sizes, channels, filters: conv_parameters(
                    sizes, channels if len(sizes) > 1 else 1, filters
                ),
                "for a signal, .* expected 2592, got 192",
            ),
            "no signals": (
                parameters_of_kernel(lambda sizes: sizes[0] * sizes[1] * math.prod(sizes[2:])),
                "your function raised IndexError",
            ),
            "weights and biases apart": (
                parameters_as(lambda k, c, f: (k * c * f, f)),
                "expected one number, got 2",
            ),
        },
    ),
    "check_convolve_1d": Case(
        solution=convolved_by_tensordot,
        also_right={
            "Keras's Conv1D": convolved_by_keras,
            "one product after the other": convolved,
            "np.correlate": convolved_by_correlating,
            "np.convolve, flipped back": lambda signal, filters: convolved_by_np_convolve(
                signal, filters[::-1]
            ),
        },
        wrong={
            "np.convolve": (convolved_by_np_convolve, "flipped, as in np.convolve"),
            "steps and channels flipped": (
                lambda signal, filters: convolved(signal, filters[::-1, ::-1]),
                "along steps and channels",
            ),
            "channels flipped": (
                lambda signal, filters: convolved(signal, filters[:, ::-1]),
                "the first step: expected",
            ),
            **{
                f"channels not summed, {order}": (unsummed(order), "sums over the channels")
                for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2))
            },
            "transposed": (lambda *arguments: convolved(*arguments).T, "its transpose"),
            "one filter": (lambda *arguments: convolved(*arguments)[:, 0], "a column for each"),
            "filters summed": (
                lambda *arguments: convolved(*arguments).sum(axis=1),
                "a column for each",
            ),
            "padded": (
                lambda signal, filters: convolved_by_keras(signal, filters, padding="same"),
                "no padding here",
            ),
            "padded in front": (
                lambda signal, filters: convolved_by_keras(signal, filters, padding="causal"),
                "no padding here",
            ),
            "full": (
                lambda signal, filters: convolved_by_np_convolve(signal, filters, "full"),
                "no padding here",
            ),
            "the last position missing": (
                lambda *arguments: convolved(*arguments)[:-1],
                "one position too few",
            ),
            "a batch axis": (
                lambda *arguments: convolved(*arguments)[None],
                r"expected shape \(5, 4\), .* got \(1, 5, 4\)",
            ),
            "mean over the width": (
                lambda signal, filters: convolved(signal, filters) / len(filters),
                "do not take their mean",
            ),
            "mean over the channels": (
                lambda signal, filters: convolved(signal, filters) / signal.shape[1],
                "do not take their mean",
            ),
            "mean over both": (
                lambda signal, filters: convolved(signal, filters) / filters[..., 0].size,
                "do not take their mean",
            ),
            "first channel only": (
                lambda signal, filters: convolved(signal[:, :1], filters[:, :1]),
                "one channel only",
            ),
            "last channel only": (
                lambda signal, filters: convolved(signal[:, -1:], filters[:, -1:]),
                "one channel only",
            ),
            "ReLU": (lambda *arguments: np.maximum(convolved(*arguments), 0), "no activation"),
            "squeezed": (
                lambda *arguments: np.squeeze(convolved(*arguments)),
                r"\(6, 3\) and filters of \(2, 3, 1\) expected shape \(5, 1\), got \(5,\)",
            ),
            "two channels built in": (
                lambda signal, filters: convolved(signal[:, :2], filters[:, :2]),
                r"filters of \(2, 3, 1\) expected \[\[.*\]\], got \[\[",
            ),
        },
    ),
    "check_causal": Case(
        solution=causal,
        also_right={
            "Keras": causal_by_keras,
            "term by term": causal_term_by_term,
            "np.convolve, flipped back": lambda signal, kernel: np.convolve(signal, kernel[::-1])[
                : len(signal)
            ],
            "np.pad": causal_padded(lambda signal, ahead: np.pad(signal, (ahead, 0))),
            "as a column": lambda *arguments: causal(*arguments)[:, None],
        },
        wrong={
            "no padding": (causal_padded(lambda signal, ahead: signal), "an output for each step"),
            "padded at both ends": (
                causal_padded(lambda signal, ahead: np.pad(signal, ahead)),
                "8 outputs, not 11",
            ),
            "width zeros in front": (
                causal_padded(lambda signal, ahead: np.pad(signal, (ahead + 1, 0))),
                "give 8 outputs, not 9",
            ),
            "width − 2 zeros in front": (
                causal_padded(lambda signal, ahead: np.pad(signal, (ahead - 1, 0))),
                "give 8 outputs, not 7",
            ),
            "zeros at the end": (
                causal_padded(lambda signal, ahead: np.pad(signal, (0, ahead))),
                "put them in front",
            ),
            "zeros at the end, flipped": (
                lambda signal, kernel: np.convolve(signal, kernel)[len(kernel) - 1 :],
                "put them in front",
            ),
            "Keras's 'same'": (
                lambda signal, kernel: causal_by_keras(signal, kernel, "same"),
                "padding 'same'",
            ),
            "np.correlate's 'same'": (
                lambda signal, kernel: np.correlate(signal, kernel, "same"),
                "padding 'same'",
            ),
            "np.convolve's 'same'": (
                lambda signal, kernel: np.convolve(signal, kernel, "same"),
                "padding 'same'",
            ),
            "flipped": (
                lambda signal, kernel: np.convolve(signal, kernel)[: len(signal)],
                "flipped, as in np.convolve",
            ),
            "width zeros in front, the last output cut": (
                lambda signal, kernel: causal(np.append(0, signal), kernel)[:-1],
                "width − 1 zeros in front, not width",
            ),
            "zeros for the first outputs": (causal_with_zeros_first, "the first outputs are no"),
            "in a circle": (
                causal_padded(lambda signal, ahead: np.pad(signal, (ahead, 0), "wrap")),
                "not in a circle",
            ),
            "the first value repeated": (
                causal_padded(lambda signal, ahead: np.pad(signal, (ahead, 0), "edge")),
                "do not repeat its first value",
            ),
            "mean subtracted": (
                lambda signal, kernel: causal(signal - signal.mean(), kernel),
                "output 0 changes when step 7 does",
            ),
            "divided by the width": (
                lambda signal, kernel: causal(signal, kernel) / len(kernel),
                r"expected 12, -1, .*, got 3, -0\.25",
            ),
            "the sign turned": (
                lambda signal, kernel: -causal(signal, kernel),
                "expected 12, .*, got -12",
            ),
            "four built in": (
                lambda signal, kernel: causal(signal, np.resize(kernel, 4)),
                "for an odd width expected .*, got",
            ),
            "cut at the end": (
                causal_cut_at_the_end,
                "for a kernel of one number expected 3 outputs, .* got 0",
            ),
            "zeros cut to the signal": (
                causal_padded(lambda signal, ahead: np.pad(signal, (min(ahead, len(signal)), 0))),
                "for a kernel longer than the signal expected 3 outputs, .* got",
            ),
        },
    ),
}

FUNCTION_CHECKS = [name for name in CHECKS if name in TABLE and TABLE[name].takes_a_function]


def judge(name: str, answer: Any) -> Verdict:
    return getattr(exercises, name)(answer)


def repeating_its_first_answer(name: str):
    """A function that is right the first time it is asked and then keeps to that answer."""
    first = []

    def remembers(*arguments):
        if not first:
            first.append(TABLE[name].solution(*arguments))
        return first[0]

    return remembers


def cases(kind: str):
    return [
        pytest.param(name, label, id=f"{name}-{label}")
        for name, case in TABLE.items()
        for label in getattr(case, kind)
    ]


def messages_in(check) -> list[str]:
    """A pattern for each message that a check can give, read from its source."""
    tree = ast.parse(inspect.getsource(inspect.unwrap(check)))
    return [
        "".join(
            re.escape(part.value) if isinstance(part, ast.Constant) else ".*"
            for part in getattr(node.args[0], "values", node.args)
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Wrong"
    ]


class TestTable:
    def test_it_covers_every_check_and_no_other(self):
        assert sorted(TABLE) == sorted(CHECKS)

    @pytest.mark.parametrize("name", TABLE)
    def test_each_check_meets_two_wrong_answers_at_least(self, name):
        assert len(TABLE[name].wrong) >= 2

    @pytest.mark.parametrize("name", TABLE)
    def test_the_messages_tell_the_mistakes_apart(self, name):
        verdicts = {judge(name, answer).message for answer, _ in TABLE[name].wrong.values()}
        assert len(verdicts) >= 4

    @pytest.mark.parametrize("name", TABLE)
    def test_each_message_is_met(self, name):
        answers = [answer for answer, _ in TABLE[name].wrong.values()]
        if name in FUNCTION_CHECKS:
            answers.append(repeating_its_first_answer(name))
        met = [judge(name, answer).message for answer in answers]
        patterns = messages_in(getattr(exercises, name))
        assert len(patterns) >= 3
        missing = [each for each in patterns if not any(re.fullmatch(each, text) for text in met)]
        assert not missing


@pytest.mark.parametrize("name", TABLE)
def test_a_solution_is_correct(name):
    verdict = judge(name, TABLE[name].solution)
    assert verdict.status == "correct", verdict
    assert verdict.message


@pytest.mark.parametrize(("name", "label"), cases("also_right"))
def test_another_right_answer_is_correct(name, label):
    verdict = judge(name, TABLE[name].also_right[label])
    assert verdict.status == "correct", verdict


@pytest.mark.parametrize(("name", "label"), cases("wrong"))
def test_a_wrong_answer_is_told_what_is_wrong(name, label):
    answer, pattern = TABLE[name].wrong[label]
    verdict = judge(name, answer)
    assert verdict.status == "not yet", verdict
    assert re.search(pattern, verdict.message), verdict


def stub_without_return(*arguments): ...


def stub_that_raises(*arguments):
    raise NotImplementedError


@pytest.mark.parametrize("name", FUNCTION_CHECKS)
@pytest.mark.parametrize(
    "stub",
    [stub_without_return, stub_that_raises, lambda *arguments: ..., lambda *arguments: None],
    ids=["body of dots", "NotImplementedError", "returns dots", "returns None"],
)
def test_a_stub_was_not_attempted(name, stub):
    assert judge(name, stub).status == "not attempted"


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in FUNCTION_CHECKS])
@pytest.mark.parametrize("stub", [..., None])
def test_a_value_that_is_still_the_stub_was_not_attempted(name, stub):
    assert judge(name, stub).status == "not attempted"


def raising(error):
    def function(*arguments):
        raise error

    return function


class Unprintable:
    def __repr__(self):
        raise ValueError("no text for this")


VALUES = {
    "None": None,
    "dots": ...,
    "text": "0.2",
    "word": "bob",
    "nothing": (),
    "one number": 0.37,
    "NaN": float("nan"),
    "two NaNs": (np.nan, np.nan),
    "infinity": (np.inf, -np.inf),
    "None twice": (None, None),
    "too many": np.arange(1000.0),
    "matrix": np.zeros((2, 3)),
    "ragged": [[1.0], [1.0, 2.0]],
    "words": np.array(["ann", "bob", "cem"]),
    "array of one word": np.array(["ann"]),
    "empty array": np.array([]),
    "complex": (1j, 2j),
    "huge integer": (10**400, 1),
    "dictionary": {"fmr": 0.2},
    "set": {0.2, 0.25},
    "True": True,
    "object": object(),
    "unprintable": Unprintable(),
    "generator": (number for number in [0.2, 0.25]),
    "function": np.mean,
    "class": dict,
}
FAILURES = {
    "ValueError": raising(ValueError("bad")),
    "KeyError": raising(KeyError("missing")),
    "ZeroDivisionError": lambda *arguments: 1 / 0,
    "RecursionError": raising(RecursionError("too deep")),
    "StopIteration": raising(StopIteration()),
    "too few parameters": lambda: 1.0,
    "too many parameters": lambda a, b, c, d, e, f: 1.0,
}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("kind", VALUES)
def test_a_strange_value_gets_a_verdict(name, kind):
    verdict = judge(name, VALUES[kind])
    assert isinstance(verdict, Verdict)
    assert verdict.status in ("not yet", "not attempted")


@pytest.mark.parametrize("name", FUNCTION_CHECKS)
@pytest.mark.parametrize("kind", VALUES)
def test_a_function_that_returns_a_strange_value_gets_a_verdict(name, kind):
    verdict = judge(name, lambda *arguments: VALUES[kind])
    assert isinstance(verdict, Verdict)
    assert verdict.status in ("not yet", "not attempted")


@pytest.mark.parametrize("name", FUNCTION_CHECKS)
@pytest.mark.parametrize("kind", FAILURES)
def test_a_function_that_fails_is_told_how(name, kind):
    verdict = judge(name, FAILURES[kind])
    assert verdict.status == "not yet"
    error = kind if "Error" in kind or kind == "StopIteration" else "TypeError"
    assert f"your function raised {error}" in verdict.message


def test_a_function_that_quits_does_not_end_the_session():
    verdict = judge("check_identification_error", raising(SystemExit(1)))
    assert verdict.status == "not yet"


@pytest.mark.parametrize("name", FUNCTION_CHECKS)
def test_a_called_function_is_told_to_leave_out_the_parentheses(name):
    verdict = judge(name, 0.25)
    assert verdict.status == "not yet"
    assert "without parentheses" in verdict.message


@pytest.mark.parametrize("name", FUNCTION_CHECKS)
def test_the_right_answer_to_the_first_question_only_is_not_enough(name):
    assert judge(name, repeating_its_first_answer(name)).status == "not yet"


class TestVerdict:
    @pytest.mark.parametrize(
        ("status", "sign"),
        [
            ("correct", "✅ Correct"),
            ("not yet", "❌ Not yet"),
            ("not attempted", "✏️ Not attempted"),
        ],
    )
    def test_its_text_is_a_sign_and_the_message(self, status, sign):
        assert repr(Verdict(status, "because.")) == f"{sign}: because."

    @pytest.mark.parametrize("name", TABLE)
    def test_no_verdict_shows_an_address_and_all_end_with_the_message(self, name):
        case = TABLE[name]
        answers = [case.solution, ..., *(answer for answer, _ in case.wrong.values())]
        for answer in answers:
            verdict = judge(name, answer)
            assert repr(verdict).endswith(verdict.message)
            assert not ADDRESS.search(repr(verdict))

    @pytest.mark.parametrize(
        "strange", [lambda: 0.5, iter([0.5]), object()], ids=["function", "iterator", "object"]
    )
    def test_an_answer_of_the_wrong_kind_is_not_shown_as_an_address(self, strange):
        for name in CHECKS:
            assert not ADDRESS.search(repr(judge(name, strange))), name
            assert not ADDRESS.search(repr(judge(name, lambda *arguments: strange))), name


@dataclass(frozen=True)
class Cell:
    position: int
    tags: frozenset
    source: str

    @property
    def tree(self):
        return ast.parse(self.source)


@functools.cache
def code_cells(source: Path) -> list[Cell]:
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    return [
        Cell(position, frozenset(cell.metadata.get("tags", [])), cell.source)
        for position, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
    ]


def value_of(cell: Cell, namespace: dict) -> Any:
    """Runs a cell; the value of its last expression, which a notebook would show."""
    *body, last = cell.tree.body
    assert isinstance(last, ast.Expr), f"the cell does not end with a check:\n{cell.source}"
    exec(compile(ast.Module(body, []), "cell", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)


def checks_called(cell: Cell) -> list[str]:
    return [
        node.func.attr
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.startswith("check_")
    ]


def names_defined(cell: Cell) -> set[str]:
    names = set()
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def names_used(cell: Cell) -> set[str]:
    return {
        node.id
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def notebook_namespace() -> dict:
    """What an exercise may rely on: the setup cell's imports, nothing that was computed."""
    from course_utils import data, plots, recognition

    return {
        "np": np,
        "exercises": exercises,
        "recognition": recognition,
        "data": data,
        "plots": plots,
        "rng": np.random.default_rng(0),
    }


def test_there_are_notebook_sources():
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
class TestNotebooks:
    @staticmethod
    def with_tag(source, tag) -> list[Cell]:
        return [cell for cell in code_cells(source) if tag in cell.tags]

    def test_there_are_three_exercises_at_least(self, source):
        assert len(self.with_tag(source, "exercise")) >= 3

    def test_each_exercise_is_followed_by_its_solution(self, source):
        exercise_cells = self.with_tag(source, "exercise")
        solution_cells = self.with_tag(source, "solution")
        assert [cell.position + 1 for cell in exercise_cells] == [
            cell.position for cell in solution_cells
        ]
        for exercise, solution in zip(exercise_cells, solution_cells, strict=True):
            assert checks_called(exercise) == checks_called(solution)
            assert len(checks_called(exercise)) == 1

    def test_stubs_run_as_they_are(self, source):
        for cell in self.with_tag(source, "exercise"):
            verdict = value_of(cell, notebook_namespace())
            assert isinstance(verdict, Verdict)
            assert verdict.status == "not attempted", cell.source

    def test_solutions_are_correct(self, source, capsys):
        for cell in self.with_tag(source, "solution"):
            verdict = value_of(cell, notebook_namespace())
            assert isinstance(verdict, Verdict)
            assert verdict.status == "correct", cell.source

    def test_the_learners_names_begin_with_my(self, source):
        for cell in self.with_tag(source, "exercise"):
            own = {name for name in names_defined(cell) if name.startswith("my_")}
            assert own, cell.source

    def test_nothing_later_depends_on_the_learners_code(self, source):
        cells = code_cells(source)
        for exercise in self.with_tag(source, "exercise"):
            own = names_defined(exercise)
            for later in cells:
                if later.position > exercise.position:
                    assert not own & names_used(later), later.source

    def test_solutions_do_not_define_the_learners_names(self, source):
        for cell in self.with_tag(source, "solution"):
            assert not {name for name in names_defined(cell) if name.startswith("my_")}


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("print(my_rate)", True),
        ("def f():\n    return my_rate(1)", True),
        ("my_rate = 1", False),
        ("x = 'my_rate'", False),
    ],
)
def test_the_search_for_used_names_finds_them(code, used):
    assert ("my_rate" in names_used(Cell(0, frozenset(), code))) is used
