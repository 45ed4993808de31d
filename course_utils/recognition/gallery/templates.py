"""The embeddings of a gallery in memory: whose they are, in the order in which they were enrolled.

They lie in blocks of 65,536 rows. A gallery that grows gets another block and copies nothing; only
the last block, while it is small, is doubled.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from course_utils.recognition.gallery.names import Names

BLOCK_ROWS = 65_536
FIRST_BLOCK_ROWS = 64


class Block(NamedTuple):
    """Some rows of the gallery.

    Attributes:
        embeddings: Float32 array, shape (rows, dim).
        people: Number of the person on each row, int32 array, shape (rows,).
        squared_norms: ‖b‖² of each row b, float32 array, shape (rows,).
    """

    embeddings: np.ndarray
    people: np.ndarray
    squared_norms: np.ndarray

    @classmethod
    def empty(cls, rows: int, dim: int) -> "Block":
        """A block whose rows are still to be filled."""
        return cls(
            np.empty((rows, dim), np.float32), np.empty(rows, np.int32), np.empty(rows, np.float32)
        )

    def rows(self, first: int, last: int) -> "Block":
        """Views of the rows from `first` up to, without, `last`."""
        return Block(*(values[first:last] for values in self))

    def assign(self, source: "Block") -> None:
        """Copies another block's rows over these, as many."""
        for own, other in zip(self, source, strict=True):
            own[...] = other


class Templates:
    """Embeddings and the people they belong to, who are numbered 0, 1, … as they were enrolled.

    Attributes:
        dim: Length of an embedding.
        names: The people's names.
        counts: Number of each person's templates.
        num_rows: Number of all templates.
        largest_squared_norm: Of all templates, the largest ‖b‖².
    """

    def __init__(self, dim: int, names: Iterable[str] = ()) -> None:
        self.dim = dim
        self.names = names if isinstance(names, Names) else Names(names)
        self.counts = array("q", bytes(8 * len(self.names)))
        self.num_rows = 0
        self.largest_squared_norm = 0.0
        self._blocks: list[Block] = []

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def number(self, name: str) -> int:
        """The number of a person who is here."""
        return self.names.number(name)

    def number_or_new(self, name: str) -> int:
        """The number of a person; who is not here gets the next one."""
        number = self.names.add(name)
        if number == len(self.counts):
            self.counts.append(0)
        return number

    def append(self, embeddings: np.ndarray, people: np.ndarray | int) -> None:
        """Copies rows to the end.

        Args:
            embeddings: Float32 array, shape (n, dim).
            people: Number of the person on each row, or of the person on all of them.
        """
        if isinstance(people, int):
            self.counts[people] += len(embeddings)
            people = np.full(len(embeddings), people, np.int32)
        else:
            numbers, counts = np.unique(people, return_counts=True)
            np.asarray(self.counts)[numbers] += counts
        squared_norms = np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64)
        self._write(Block(embeddings, people, squared_norms.astype(np.float32)))
        self.largest_squared_norm = max(self.largest_squared_norm, squared_norms.max(initial=0.0))

    def _write(self, rows: Block) -> None:
        """Copies rows to the first free ones."""
        done, wanted = 0, len(rows.people)
        while done < wanted:
            index, offset = divmod(self.num_rows, BLOCK_ROWS)
            if index == len(self._blocks):
                self._blocks.append(Block.empty(_capacity(wanted - done), self.dim))
            elif offset == len(self._blocks[index].people):
                larger = Block.empty(_capacity(offset + max(offset, wanted - done)), self.dim)
                larger.rows(0, offset).assign(self._blocks[index])
                self._blocks[index] = larger
            last = min(len(self._blocks[index].people), offset + wanted - done)
            step = last - offset
            self._blocks[index].rows(offset, last).assign(rows.rows(done, done + step))
            self.num_rows += step
            done += step

    def remove(self, name: str) -> np.ndarray:
        """Removes a person: rows after theirs move up, and the rows left at the end are erased.

        Args:
            name: A person who is here.

        Returns:
            The rows that were theirs, ascending, as they were numbered before.
        """
        number = self.names.number(name)
        removed = self.rows_of(number)
        self.names.remove(number)
        del self.counts[number]

        blocks, num_rows = list(self.blocks()), self.num_rows
        first_changed = int(removed[0]) // BLOCK_ROWS if removed.size else len(blocks)
        self.num_rows = min(first_changed * BLOCK_ROWS, num_rows)
        for index, (_, block) in enumerate(blocks):
            stays = block.people != number
            block.people[block.people > number] -= 1
            if index >= first_changed:
                self._write(Block(*(values[stays] for values in block)))
        for first, block in blocks:
            for values in block.rows(max(self.num_rows - first, 0), len(block.people)):
                values[...] = 0
        del self._blocks[-(-self.num_rows // BLOCK_ROWS) :]
        self.largest_squared_norm = max(
            (float(block.squared_norms.max()) for _, block in self.blocks()), default=0.0
        )
        return removed

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """The filled rows: the number of a block's first row, and views of its rows."""
        for first in range(0, self.num_rows, BLOCK_ROWS):
            rows = min(BLOCK_ROWS, self.num_rows - first)
            yield first, self._blocks[first // BLOCK_ROWS].rows(0, rows)

    def rows_of(self, number: int) -> np.ndarray:
        """The rows of a person, ascending, integer array."""
        found = [first + np.flatnonzero(block.people == number) for first, block in self.blocks()]
        return np.concatenate(found) if found else np.empty(0, np.intp)

    def rows_where(self, chosen: np.ndarray) -> np.ndarray:
        """The rows of several people, ascending; `chosen[number]` says whose."""
        found = [first + np.flatnonzero(chosen[block.people]) for first, block in self.blocks()]
        return np.concatenate(found) if found else np.empty(0, np.intp)

    def take(self, rows: np.ndarray) -> Block:
        """Copies of some rows, in the order asked for."""
        if len(self._blocks) == 1:
            return Block(*(values[rows] for values in self._blocks[0]))
        taken = Block.empty(len(rows), self.dim)
        indices, offsets = np.divmod(rows, BLOCK_ROWS)
        for index in np.unique(indices):
            here = indices == index
            for target, source in zip(taken, self._blocks[index], strict=True):
                target[here] = source[offsets[here]]
        return taken


def _capacity(rows: int) -> int:
    """How many rows a block gets that needs at least so many, if a block can have them."""
    return min(max(rows, FIRST_BLOCK_ROWS), BLOCK_ROWS)
