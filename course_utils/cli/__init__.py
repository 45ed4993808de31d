"""The command line, `course`: what the course teaches, applied to your own photos.

- `program`: `main`, from arguments to an exit code;
- `options`: how a command is declared, and the options that several share;
- `output`: exit codes, answers and errors, as text or as JSON;
- `photos`: from files and folders to embeddings;
- `galleries`: gallery files, as the commands use them;
- `painting`: from photos to painted pictures;
- `pictures`: where these go, and how they are written;
- a module for each command: `verify`, `enroll`, `identify`, `gallery` with `calibrate`, `stylize`.

Nothing here imports TensorFlow before a photo has to be encoded or painted, and the command modules
import what they need inside their functions, so that `course --help` answers at once.
"""

from course_utils.cli.program import main

__all__ = ["main"]
