"""Batches for learning a distance: several photos of several people, or pairs of photos.

A batch depends on the seed, the epoch and its number, and on nothing else: training that was
interrupted goes on with the batches that it would have had.
"""

from collections.abc import Callable
from typing import TypeAlias

import keras
import numpy as np

Augmentation: TypeAlias = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class _DrawnBatches(keras.utils.PyDataset):
    """Photos by person, and a generator for each batch."""

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        batches_per_epoch: int,
        augment: Augmentation | None,
        seed: int,
    ):
        super().__init__()
        images, labels = np.asarray(images), np.asarray(labels)
        if labels.ndim != 1 or len(images) != len(labels):
            raise ValueError(
                "`labels` must hold one identity for each image. Received: "
                f"{len(images)} images, labels.shape={labels.shape}."
            )
        if batches_per_epoch < 1:
            raise ValueError(
                f"`batches_per_epoch` must be at least 1. Received: {batches_per_epoch}."
            )
        self.images, self.augment, self.seed = images, augment, seed
        self.batches_per_epoch = batches_per_epoch
        self.people, self.classes = np.unique(labels, return_inverse=True)
        self.photos = [np.flatnonzero(self.classes == k) for k in range(len(self.people))]
        self.epoch = 0

    def __len__(self) -> int:
        return self.batches_per_epoch

    def on_epoch_end(self) -> None:
        """Called by Keras: the next epoch has other batches."""
        self.epoch += 1

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.epoch, number])

    def _images(self, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        chosen = self.images[index]
        return chosen if self.augment is None else self.augment(chosen, rng)


class BalancedBatches(_DrawnBatches):
    """Batches of `num_people` people with `photos_per_person` photos each, for the triplet loss.

    Drawn blindly, a batch of 40 photos of 40 people would hold hardly a positive. People are
    drawn without replacement, and so are a person's photos, unless there are too few.

    Args:
        images: Float array, shape (num_photos, height, width, channels).
        labels: Identity of each photo, shape (num_photos,), of any type that sorts.
        num_people: People a batch, at least 2 and at most as many as there are.
        photos_per_person: Photos of each, at least 2.
        batches_per_epoch: Length of an epoch.
        augment: Function (images, rng) → images, such as `augment_faces`.
        seed: Seed of all draws.

    Attributes:
        people: The identities, ascending; batch labels are positions in it.
        epoch: Which epoch's batches are given out; Keras counts it up.

    Raises:
        ValueError: If the shapes do not agree, or a number is out of range.

    Example:
        >>> faces, names = np.zeros((6, 8, 8, 1)), ["ann", "ann", "bob", "bob", "cem", "cem"]
        >>> batches = BalancedBatches(faces, names, num_people=2, photos_per_person=2)
        >>> images, labels = batches[0]
        >>> images.shape, sorted(np.bincount(labels, minlength=3).tolist())
        ((4, 8, 8, 1), [0, 2, 2])

    Reference: Hermans, Beyer, Leibe, "In defense of the triplet loss for person
        re-identification", 2017, section 2: batches of P × K.
    Lecture: section 4, notebook 04.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        num_people: int = 10,
        photos_per_person: int = 4,
        batches_per_epoch: int = 20,
        augment: Augmentation | None = None,
        seed: int = 0,
    ):
        super().__init__(images, labels, batches_per_epoch, augment, seed)
        if not 2 <= num_people <= len(self.people):
            raise ValueError(
                f"`num_people` must lie between 2 and the {len(self.people)} people there are. "
                f"Received: num_people={num_people}."
            )
        if photos_per_person < 2:
            raise ValueError(
                "`photos_per_person` must be at least 2, or there is no positive. "
                f"Received: photos_per_person={photos_per_person}."
            )
        self.num_people, self.photos_per_person = num_people, photos_per_person

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rng = self._rng(number)
        people = rng.choice(len(self.people), self.num_people, replace=False)
        index = np.concatenate([self._photos_of(person, rng) for person in people])
        return self._images(index, rng), self.classes[index].astype(np.int32)

    def _photos_of(self, person: int, rng: np.random.Generator) -> np.ndarray:
        photos = self.photos[person]
        too_few = len(photos) < self.photos_per_person
        return rng.choice(photos, self.photos_per_person, replace=too_few)


class PairBatches(_DrawnBatches):
    """Batches of pairs for a Siamese model: a fixed share of them genuine, the others impostors.

    Drawn blindly, one pair in some forty would be genuine, many batches would hold none, and a
    network that calls every pair different would look good.

    Args:
        images: Float array, shape (num_photos, height, width, channels).
        labels: Identity of each photo, shape (num_photos,), of any type that sorts; at least two
            people, and two photos of somebody.
        num_pairs: Pairs a batch, at least 2.
        genuine_share: Share of genuine pairs, in (0, 1); rounded to whole pairs, of which there
            must be one of either kind.
        batches_per_epoch: Length of an epoch.
        augment: Function (images, rng) → images, such as `augment_faces`.
        seed: Seed of all draws.

    Attributes:
        people: The identities, ascending.
        epoch: Which epoch's batches are given out; Keras counts it up.

    Raises:
        ValueError: If the shapes do not agree, a number is out of range, or there are no pairs.

    Example:
        >>> faces, names = np.zeros((6, 8, 8, 1)), ["ann", "ann", "bob", "bob", "cem", "cem"]
        >>> (first, second), same = PairBatches(faces, names, num_pairs=4)[0]
        >>> first.shape, second.shape, same.tolist()
        ((4, 8, 8, 1), (4, 8, 8, 1), [1.0, 1.0, 0.0, 0.0])

    Lecture: section 3, notebook 03.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        num_pairs: int = 40,
        genuine_share: float = 0.5,
        batches_per_epoch: int = 20,
        augment: Augmentation | None = None,
        seed: int = 0,
    ):
        super().__init__(images, labels, batches_per_epoch, augment, seed)
        self.num_genuine = round(num_pairs * genuine_share)
        self.num_impostor = num_pairs - self.num_genuine
        if min(self.num_genuine, self.num_impostor) < 1:
            raise ValueError(
                "`num_pairs` and `genuine_share` must leave a pair of either kind. "
                f"Received: num_pairs={num_pairs}, genuine_share={genuine_share}."
            )
        self._with_two = [photos for photos in self.photos if len(photos) > 1]
        if len(self.people) < 2 or not self._with_two:
            raise ValueError(
                "`labels` must hold two people, and two photos of one of them. "
                f"Received: {len(self.people)} people."
            )

    def __getitem__(self, number: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        rng = self._rng(number)
        genuine = [
            rng.choice(self._with_two[person], 2, replace=False)
            for person in rng.integers(len(self._with_two), size=self.num_genuine)
        ]
        impostor = [
            [rng.choice(self.photos[person]) for person in rng.permutation(len(self.photos))[:2]]
            for _ in range(self.num_impostor)
        ]
        first, second = np.array(genuine + impostor).T
        same = np.repeat(np.array([1, 0], dtype=np.float32), [self.num_genuine, self.num_impostor])
        return (self._images(first, rng), self._images(second, rng)), same
