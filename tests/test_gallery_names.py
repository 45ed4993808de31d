import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.recognition.gallery import names as gallery_names
from course_utils.recognition.gallery.names import Names

SOME_NAMES = ("Ann", "An", "n", "", "Anna", "王小明", "王", "Zoé", "Zoe", "😀", "a\u200cb")


def poor_hash(encoded):
    """Few different values, negative ones among them."""
    return len(encoded) % 3 - 1


def assert_as(names, model, others=SOME_NAMES):
    """The same as a list of names and a dict of their numbers."""
    number_of = {name: number for number, name in enumerate(model)}
    assert list(names) == model
    assert [names[number] for number in range(len(names))] == model
    for name in (*model, *others):
        assert (name in names) == (name in number_of)
        if name in number_of:
            assert names.number(name) == number_of[name]
        else:
            with pytest.raises(KeyError) as caught:
                names.number(name)
            assert caught.value.args == (name,)


@pytest.fixture(params=["good hash", "poor hash", "one hash"])
def _hashes(request, monkeypatch):
    if request.param == "poor hash":
        monkeypatch.setattr(gallery_names, "hash", poor_hash, raising=False)
    if request.param == "one hash":
        monkeypatch.setattr(gallery_names, "hash", lambda encoded: 2**61, raising=False)


@pytest.mark.usefixtures("_hashes")
class TestAsAListAndADict:
    @given(
        st.lists(
            st.tuples(st.booleans(), st.sampled_from(SOME_NAMES) | st.text("aé王", max_size=3)),
            max_size=60,
        )
    )
    def test_whatever_is_added_and_removed(self, steps):
        names, model = Names(), []
        for added, name in steps:
            if added:
                model += [name] * (name not in model)
                assert names.add(name) == model.index(name)
            elif name in model:
                names.remove(model.index(name))
                model.remove(name)
            assert len(names) == len(model)
        assert_as(names, model)

    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True), st.data())
    def test_removing_anybody_and_adding_them_again(self, model, data):
        names = Names(model)
        assert_as(names, model)
        while model:
            number = data.draw(st.integers(0, len(model) - 1))
            removed = model.pop(number)
            names.remove(number)
            assert_as(names, model, [removed])
        assert names.add("Ann") == 0
        assert_as(names, ["Ann"])

    def test_many(self):
        model = [f"person {number}" for number in range(200)]
        names = Names(model)
        for number in (199, 100, 0):
            names.remove(number)
            del model[number]
        assert_as(names, model, ["person 0", "person 100", "person 199", "person 200"])


def test_equal_names_are_one():
    assert list(Names(["Ann", "Bob", "Ann"])) == ["Ann", "Bob"]


def test_coming_and_going_neither_fills_the_table_nor_makes_it_grow():
    names = Names(["Ann", "Bob"])
    for number in range(1000):
        assert names.add(f"person {number}") == 2
        names.remove(2)
        assert gallery_names.FREE in names._table
    assert list(names) == ["Ann", "Bob"]
    assert len(names._table) == 16  # the smallest power of two that is 3 × 3 or more


@pytest.mark.parametrize("number", [-1, 2, 2**70])
def test_there_are_no_numbers_but_those_given(number):
    with pytest.raises(IndexError, match=rf"There are 2 names\. Received: number={number}\."):
        Names(["Ann", "Bob"])[number]


@pytest.mark.parametrize("other", [7, None, b"Ann"])
def test_what_is_no_name_is_not_there(other):
    assert other not in Names(["Ann"])


def test_a_name_is_looked_at_in_few_places():
    """Linear probing in a table half full needs 2.5 places on average for a name not there."""
    names, looked_at = Names(f"person {number}" for number in range(2**17)), 0
    assert len(names._table) == 2**18

    class Counted(type(names._table)):
        def __getitem__(self, place):
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(place)

    names._table = Counted("i", names._table)
    for number in range(10_000):
        assert f"stranger {number}" not in names
    assert looked_at / 10_000 < 2.5 * 1.1 + 1  # and one for the answer


def test_a_name_takes_little_more_than_its_bytes():
    """Beside its 14 bytes: 8 to tell where it begins, 16 in the table, and what is in reserve."""
    num_names = 2**17 + 1  # when the table has just doubled
    tracemalloc.start()
    names = Names(f"person {number:07d}" for number in range(num_names))
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(names) == num_names
    assert now < (14 + 28) * num_names
    assert peak < (14 + 36) * num_names
