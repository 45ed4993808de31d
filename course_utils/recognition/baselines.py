"""The classics that a network has to beat, from scikit-learn."""

from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer


def build_fisherfaces(num_components: int) -> Pipeline:
    """Fisherfaces: eigenfaces, then the directions that tell the training people apart.

    Principal components of the pixels, a linear discriminant analysis of those, and each vector
    divided by its length.

    Args:
        num_components: How many principal components are kept, at least 1.

    Returns:
        An estimator: `fit(pixels, labels)` with float pixels of shape (num_photos, num_pixels),
        then `transform(pixels)` → embeddings of unit length, one dimension fewer than people.

    Raises:
        ValueError: If `num_components` is below 1.

    Example:
        >>> from course_utils.data import load_orl_faces
        >>> faces = load_orl_faces(dtype="float32", shrink=4)
        >>> pixels = faces.images.reshape(400, -1)
        >>> encoder = build_fisherfaces(50).fit(pixels[:200], faces.labels[:200])
        >>> encoder.transform(pixels[200:]).shape
        (200, 19)

    Reference: Belhumeur, Hespanha, Kriegman, "Eigenfaces vs. Fisherfaces", IEEE TPAMI 19, 1997.
    Lecture: section 1, notebooks 01 to 04.
    """
    if num_components < 1:
        raise ValueError(f"`num_components` must be at least 1. Received: {num_components}.")
    return make_pipeline(
        PCA(num_components, svd_solver="full"), LinearDiscriminantAnalysis(), Normalizer()
    )
