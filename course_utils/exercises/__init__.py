"""Checks of the learner's answers: "not attempted", "correct", or why not.

Each check takes the learner's function or value and returns a `Verdict`, which a notebook shows
as text. None of them raises, whatever the learner's code does.
"""

from course_utils.exercises.checking import Verdict
from course_utils.exercises.classification import (
    check_chi2_difference,
    check_decide_claim,
    check_forward_passes,
    check_same_person_probability,
)
from course_utils.exercises.convolutions import (
    check_causal,
    check_conv3d_shape,
    check_conv_parameters,
    check_convolve_1d,
)
from course_utils.exercises.one_shot import (
    check_identify,
    check_nearest_person,
    check_open_set_rates,
    check_output_layer_parameters,
)
from course_utils.exercises.siamese import (
    check_contrastive_loss,
    check_distance_from_cosine,
    check_genuine_share,
    check_siamese_distance,
)
from course_utils.exercises.style_cost import (
    check_content_cost,
    check_gram_blindness,
    check_gram_matrix,
    check_style_cost,
)
from course_utils.exercises.style_transfer import (
    check_descend,
    check_fitted_size,
    check_keep_colors,
    check_num_optimized,
)
from course_utils.exercises.triplet import (
    check_negative_distance,
    check_semi_hard,
    check_triplet_count,
    check_triplet_loss,
)
from course_utils.exercises.verification import (
    check_error_rates_at,
    check_identification_error,
    check_pair_counts,
    check_threshold_at_fmr,
)
from course_utils.exercises.visualization import (
    check_keep_strongest,
    check_occlusion,
    check_patch_box,
    check_receptive_field,
)

__all__ = [
    "Verdict",
    "check_causal",
    "check_chi2_difference",
    "check_content_cost",
    "check_contrastive_loss",
    "check_conv3d_shape",
    "check_conv_parameters",
    "check_convolve_1d",
    "check_decide_claim",
    "check_descend",
    "check_distance_from_cosine",
    "check_error_rates_at",
    "check_fitted_size",
    "check_forward_passes",
    "check_genuine_share",
    "check_gram_blindness",
    "check_gram_matrix",
    "check_identification_error",
    "check_identify",
    "check_keep_colors",
    "check_keep_strongest",
    "check_nearest_person",
    "check_negative_distance",
    "check_num_optimized",
    "check_occlusion",
    "check_open_set_rates",
    "check_output_layer_parameters",
    "check_pair_counts",
    "check_patch_box",
    "check_receptive_field",
    "check_same_person_probability",
    "check_semi_hard",
    "check_siamese_distance",
    "check_style_cost",
    "check_threshold_at_fmr",
    "check_triplet_count",
    "check_triplet_loss",
]
