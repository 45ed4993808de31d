"""A gallery: the stored embeddings of enrolled people, searched, saved and never half written.

Needs no TensorFlow: what turns photos into embeddings is given to it.

- `gallery`: the class `Gallery`, what one calls;
- `results`: what it is told (which encoder, which threshold) and what it answers;
- `arguments`: which names, embeddings and photos it accepts;
- `templates`: the embeddings in memory;
- `names`: the names in memory;
- `search`: the nearest people, exactly;
- `saving`: a save that loses nobody, whoever else is saving;
- `storage`: the file;
- `reading`: how every damage to it is noticed.
"""

from course_utils.recognition.gallery.gallery import Gallery
from course_utils.recognition.gallery.reading import DamagedGalleryError
from course_utils.recognition.gallery.results import (
    EncoderIdentity,
    Identification,
    Match,
    Threshold,
    Verification,
)

__all__ = [
    "DamagedGalleryError",
    "EncoderIdentity",
    "Gallery",
    "Identification",
    "Match",
    "Threshold",
    "Verification",
]
