"""Exercises of notebook 02: recognise by the smallest distance, reject, and count the cost."""

from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.exercises.checking import Wrong, call, check, close, numbers, shown


@check("the nearest person, or nobody if even they are too far.")
def check_identify(function: Callable[..., Any]) -> None:
    """A function (distances, names, threshold) → the nearest name, or "nobody".

    Lecture: section 2, notebook 02.
    """
    names = ["ann", "bob", "cem", "dai"]
    distances = np.array([0.9, 0.4, 0.7, 1.6])
    found = call(function, distances, names, 0.5)
    if isinstance(found, int | np.integer):
        raise Wrong("return the name, not its position.")
    if found == "dai":
        raise Wrong("a small distance means similar: take the smallest, not the largest.")
    if found != "bob":
        raise Wrong(
            f"for {distances} the nearest is 'bob', and 0.4 ≤ 0.5. Yours says {shown(found)}."
        )
    found = call(function, distances, names, 0.3, none_is_stub=False)
    if found != "nobody":
        raise Wrong(
            "when even the smallest distance exceeds the threshold, the answer is 'nobody'. "
            f"Yours says {shown(found)}."
        )
    if call(function, distances, names, 0.4) != "bob":
        raise Wrong("a distance equal to the threshold is accepted.")
    if call(function, distances, names, 1.0) != "bob":
        raise Wrong("when several are near enough, it is still the nearest.")


@check("the smallest distance to any template of a person counts.")
def check_nearest_person(function: Callable[..., Any]) -> None:
    """A function (distances, template_labels) → the label of the person with the nearest template.

    Lecture: section 2, notebook 02.
    """
    distances = np.array([3.0, 0.5, 9.0, 1.0, 1.2, 1.4])
    labels = np.array([7, 7, 7, 4, 4, 4])
    found = numbers(call(function, distances, labels), 1)[0]
    if close(found, 1):
        raise Wrong("that is the template's position; return its label.")
    if close(found, 4):
        raise Wrong("person 7 has the nearest template (0.5); a mean hides it behind the 9.0.")
    if not close(found, 7):
        raise Wrong(f"expected label 7, got {found:g}.")
    found = numbers(call(function, distances[::-1], labels[::-1]), 1)[0]
    if not close(found, 7):
        raise Wrong("the order of the templates must not matter.")
    found = numbers(call(function, np.array([2.0, 1.0]), np.array([30, 20])), 1)[0]
    if close(found, 30):
        raise Wrong("a small distance means similar: take the smallest, not the largest.")
    if not close(found, 20):
        raise Wrong("labels are names, not positions: expected label 20.")


@check("every person, the newcomer too, needs a weight for each feature and a bias.")
def check_output_layer_parameters(function: Callable[..., Any]) -> None:
    """A function (embedding_dim, num_people) → numbers in the output layer once one more joins.

    Lecture: section 2, notebook 02.
    """
    found = numbers(call(function, 128, 10), 1)[0]
    if close(found, 128 * 11):
        raise Wrong("each output also has a bias.")
    if close(found, 129 * 10):
        raise Wrong("that is the layer before the newcomer; it must have one output more.")
    if close(found, 129):
        raise Wrong("that is only what is added; the softmax ties all outputs together.")
    if not close(found, 129 * 11):
        raise Wrong("(embedding_dim weights + 1 bias) for each of num_people + 1 outputs.")
    if not close(numbers(call(function, 64, 5), 1)[0], 65 * 6):
        raise Wrong("it must hold for every embedding_dim and num_people.")


@check("a wrong name is as bad as no name for an employee; any name is an error for a stranger.")
def check_open_set_rates(function: Callable[..., Any]) -> None:
    """A function (named_right, employee_distances, stranger_distances, threshold) → (fpir, fnir).

    Lecture: section 2, notebook 02.
    """
    named_right = np.array([True, True, False, True, True, True, True])
    employees = np.array([0.2, 0.9, 0.3, 0.4, 0.1, 0.7, 0.25])
    strangers = np.array([0.45, 0.8, 0.7, 0.6, 0.9])
    fpir, fnir = numbers(call(function, named_right, employees, strangers, 0.5), 2)
    if close(fpir, 3 / 7) and close(fnir, 0.2):
        raise Wrong("the order is (fpir, fnir).")
    if close(fpir, 0.8):
        raise Wrong("a stranger is an error when the door *opens*: distance ≤ threshold.")
    if close(fnir, 4 / 7):
        raise Wrong("fnir is the share of employees who are *not* recognised.")
    if close(fnir, 2 / 7):
        raise Wrong("an employee within the threshold but under a wrong name was not recognised.")
    if close(fnir, 1 / 7):
        raise Wrong("an employee under the right name but beyond the threshold was rejected.")
    if close(fnir, 0.0):
        raise Wrong("an employee is missed if rejected *or* misnamed, not only if both.")
    if not close(fpir, 0.2):
        raise Wrong("one of five strangers is within 0.5: fpir = 0.2.")
    if not close(fnir, 3 / 7):
        raise Wrong("of seven employees two are too far and one is misnamed: fnir = 3/7.")
    fpir, fnir = numbers(call(function, named_right, employees, strangers, 0.45), 2)
    if not close(fpir, 0.2):
        raise Wrong("a distance equal to the threshold is accepted.")
    fpir, fnir = numbers(call(function, named_right, employees, strangers, 0.4), 2)
    if not close(fpir, 0.0):
        raise Wrong("at threshold 0.4 no stranger gets in: fpir = 0.")
    if not close(fnir, 3 / 7):
        raise Wrong("an employee at exactly the threshold is accepted.")
