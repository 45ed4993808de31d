"""The names of a gallery in memory: a list of different names, and the number of each.

A Python list and dict take 120 bytes a name beside its letters: a quarter of what an embedding of
128 numbers takes. Here it is 16 to 28. The names stand one after the other in one text; a hash
table of their numbers, at most half full, says which of them may be the one that is looked for.
Names are compared whole: on their hashes depends only how long it takes.
"""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np

FREE, REMOVED = -1, -2  # places of the hash table without a number: never taken, given up
SMALLEST_TABLE = 8  # a power of two, as all its sizes


class Names:
    """Different names, numbered 0, 1, … as they were added; equal ones are added only once."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._text = bytearray()  # in UTF-8
        self._starts = array("q", [0])  # where each begins in the text, and where the last ends
        self._make_table()
        for name in names:
            self.add(name)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self):
            raise IndexError(f"There are {len(self)} names. Received: number={number}.")
        return self._bytes(number).decode()

    def __iter__(self) -> Iterator[str]:
        return (self[number] for number in range(len(self)))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._table[self._place(name.encode())] != FREE

    def number(self, name: str) -> int:
        """The number of a name that is here; else raises a `KeyError`."""
        number = self._table[self._place(name.encode())]
        if number == FREE:
            raise KeyError(name)
        return number

    def add(self, name: str) -> int:
        """The number of a name; one that is not here gets the next number."""
        encoded = name.encode()
        place = self._place(encoded)
        if self._table[place] != FREE:
            return self._table[place]
        number = len(self)
        self._table[place] = number
        self._num_free -= 1
        self._text += encoded
        self._starts.append(len(self._text))
        if 2 * self._num_free < len(self._table):
            self._make_table()
        return number

    def remove(self, number: int) -> None:
        """Removes a name; the numbers of those after it fall by one."""
        encoded = self._bytes(number)
        self._table[self._place(encoded)] = REMOVED
        numbers = np.asarray(self._table)  # shares its memory
        numbers[numbers > number] -= 1
        start = self._starts.pop(number)
        del self._text[start : start + len(encoded)]
        np.asarray(self._starts)[number:] -= len(encoded)

    def _bytes(self, number: int) -> bytes:
        return bytes(self._text[self._starts[number] : self._starts[number + 1]])

    def _place(self, encoded: bytes) -> int:
        """The place of a name in the table; if it is not there, the free place it would get."""
        last = len(self._table) - 1
        place = hash(encoded) & last
        while (number := self._table[place]) != FREE:
            if number != REMOVED and self._bytes(number) == encoded:
                return place
            place = (place + 1) & last
        return place

    def _make_table(self) -> None:
        """Makes the table anew, at most a third full."""
        size = SMALLEST_TABLE
        while size < 3 * len(self):
            size *= 2
        table, last = array("i", [FREE]) * size, size - 1
        for number in range(len(self)):
            place = hash(self._bytes(number)) & last
            while table[place] != FREE:
                place = (place + 1) & last
            table[place] = number
        self._table, self._num_free = table, size - len(self)
