import ast
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest

from course_utils import exercises
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
}

FUNCTION_CHECKS = [name for name in CHECKS if name in TABLE and TABLE[name].takes_a_function]


def judge(name: str, answer: Any) -> Verdict:
    return getattr(exercises, name)(answer)


def cases(kind: str):
    return [
        pytest.param(name, label, id=f"{name}-{label}")
        for name, case in TABLE.items()
        for label in getattr(case, kind)
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
    """A function that keeps giving its first, right answer."""
    first = []

    def remembers(*arguments):
        if not first:
            first.append(TABLE[name].solution(*arguments))
        return first[0]

    assert judge(name, remembers).status == "not yet"


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
