import numpy as np
import pytest
import scipy.linalg

from course_utils.data import load_orl_faces
from course_utils.recognition import baselines


@pytest.fixture(scope="module")
def faces():
    data = load_orl_faces(dtype="float32", shrink=4)
    return data.images.reshape(400, -1).astype(np.float64), data.labels


def fisherfaces_by_hand(train, labels, others, num_components):
    """Eigenvectors of the covariance, then of between-class against within-class scatter."""
    mean = train.mean(axis=0)
    _, _, directions = np.linalg.svd(train - mean, full_matrices=False)
    scores = (train - mean) @ directions[:num_components].T
    people = np.unique(labels)
    between = sum(
        (labels == p).sum() * np.outer(m := scores[labels == p].mean(axis=0), m) for p in people
    )
    within = sum(np.cov(scores[labels == p].T, ddof=0) * (labels == p).sum() for p in people)
    # scikit-learn scales directions so that the within-class covariance becomes the identity
    _, vectors = scipy.linalg.eigh(between, within / len(train))
    projected = (
        (others - mean) @ directions[:num_components].T @ vectors[:, ::-1][:, : len(people) - 1]
    )
    return projected / np.linalg.norm(projected, axis=1, keepdims=True)


def test_distances_are_those_of_the_textbook(faces):
    pixels, labels = faces
    train, others = slice(0, 200), slice(200, 300)
    ours = (
        baselines.build_fisherfaces(30).fit(pixels[train], labels[train]).transform(pixels[others])
    )
    by_hand = fisherfaces_by_hand(pixels[train], labels[train], pixels[others], 30)
    assert ours.shape == by_hand.shape == (100, 19)
    np.testing.assert_allclose(ours @ ours.T, by_hand @ by_hand.T, atol=1e-6)


def test_embeddings_have_length_1_and_fitting_again_gives_the_same(faces):
    pixels, labels = faces
    first, second = (
        baselines.build_fisherfaces(20).fit(pixels[:200], labels[:200]).transform(pixels)
        for _ in range(2)
    )
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1)
    np.testing.assert_array_equal(first, second)


def test_no_components_are_refused():
    with pytest.raises(ValueError, match=r"`num_components` must be at least 1\. Received: 0\."):
        baselines.build_fisherfaces(0)
