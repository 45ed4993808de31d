"""`course stylize CONTENT… STYLE -o OUT`: paint photos in the style of a picture."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_utils.cli.options import (
    Commands,
    add_command,
    count,
    positive_number,
    share,
    whole_number,
)
from course_utils.cli.output import (
    FAILED,
    INTERRUPTED,
    YES,
    Answer,
    CommandError,
    note,
)
from course_utils.cli.painting import (
    Job,
    build_painter,
    check_styles,
    paint_photo,
    read_mask,
    readable_jobs,
    report,
)
from course_utils.cli.photos import PhotoError, Problem, image_files
from course_utils.cli.pictures import check_free, check_writable, picture_paths

DEFAULT_SIZE = 384  # those of `transfer_style`, which --help does not import
DEFAULT_STEPS = 50
ENDINGS = {
    "converged": "converged",
    "steps": "all steps done",
    "stalled": "no step lowered the cost any more",
    "time": "stopped by --time",
    "interrupted": "interrupted",
}
EXAMPLES = (
    "course stylize --list",
    "course stylize cat.jpg woodblock -o cat_woodblock.png",
    "course stylize cat.jpg my_painting.jpg -o painted.png --keep-colors --size 640",
    "course stylize holiday/ watercolour -o painted/ --time 30",
    "course stylize cat.jpg woodblock --blend watercolour:0.5 -o cat.png --json",
)
FIELDS = {
    "styles": "[{style, weight}], STYLE first",
    "pictures": "[{photo, picture, ...}], a photo each",
    "  photo, picture": "paths of what was read and of what was written",
    "  width, height": "pixels of the picture",
    "  ended": "converged, steps (all done), stalled, time (is over) or interrupted",
    "  seconds, steps": "time from the first step to the last, and how many there were",
    "  cost": "J, the weighted sum of the costs, which was to become small",
    "  content_cost": "0: the photo's content; 1: as far from it as silent layers",
    "  style_cost": "0: the style's; 1: as far from it as silent layers",
    "skipped": "[{photo, reason}] of photos that could not be painted",
    "not_painted": "paths of photos that were left when it was interrupted",
    "with --list": "{styles: [{name, title, description, kind, credit}]}",
}


def add_parsers(commands: Commands) -> None:
    """Declares the command.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = add_command(
        commands,
        "stylize",
        run,
        summary="Paint photos in the style of a picture: the content of one, the style of another.",
        examples=EXAMPLES,
        fields=FIELDS,
    )
    required = (
        parser.add_argument(
            "content", metavar="CONTENT", nargs="+", help="a photo, or a folder of photos"
        ),
        parser.add_argument(
            "style", metavar="STYLE", help="a name, see --list, or the path of a picture"
        ),
        parser.add_argument(
            "-o",
            "--output",
            metavar="OUT",
            required=True,
            help="the picture (.png, .jpg, .webp, .tif, .bmp); or a folder for PHOTO_STYLE.png, "
            "which is made if OUT ends in / or there are several photos",
        ),
    )
    parser.add_argument(
        "--list",
        action=_ListStyles,
        waives=required,
        help="say which styles have a name; nothing else is needed",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace pictures that are there already"
    )
    _add_wishes(parser)
    _add_limits(parser)


def _add_wishes(parser: argparse.ArgumentParser) -> None:
    """The options that say what the picture is to be like."""
    parser.add_argument(
        "--size",
        metavar="PIXELS",
        type=count,
        default=DEFAULT_SIZE,
        help="longer side of the picture, which is never larger than the photo (default: "
        "%(default)s). Each pixel takes about 4 kB of memory",
    )
    parser.add_argument(
        "--strength",
        metavar="X",
        type=positive_number,
        default=1.0,
        help="weight of the style, as a multiple of the usual one (default: 1)",
    )
    parser.add_argument(
        "--stroke-size",
        metavar="X",
        type=positive_number,
        default=1.0,
        help="size of the strokes: the style is taken X times as large as the picture (default: 1)",
    )
    parser.add_argument(
        "--blend",
        metavar="STYLE:WEIGHT",
        type=weighted_style,
        action="append",
        default=[],
        help="a style to mix in; that of STYLE has the weight 1. May be given several times",
    )
    parser.add_argument(
        "--keep-colors", action="store_true", help="take the brushwork only, not the colours"
    )
    parser.add_argument(
        "--mask",
        metavar="FILE",
        help="an image of the photo's shape: white where the style is wanted, black where not. "
        "For one photo",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """The options that say how the picture is to be painted."""
    parser.add_argument(
        "--steps",
        metavar="N",
        type=count,
        default=DEFAULT_STEPS,
        help="steps at full size, at most; at half the size before, no more than 50 "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--time",
        metavar="SECONDS",
        type=positive_number,
        help="time for each picture, from its first step on; what is there then is saved",
    )
    parser.add_argument(
        "--noise",
        metavar="SHARE",
        type=share,
        default=None,
        help="share of noise to begin with, from 0, the photo, to 1; default: the photo recoloured",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=whole_number,
        default=0,
        help="seed of the noise (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")


def weighted_style(text: str) -> tuple[str, float]:
    """The value of `--blend`.

    Args:
        text: What was typed.

    Returns:
        The style and its weight.
    """
    style, _, weight = text.rpartition(":")
    if not style:
        raise argparse.ArgumentTypeError(f"expected STYLE:WEIGHT, such as woodblock:0.5: {text!r}")
    return style, positive_number(weight)


class _ListStyles(argparse.Action):
    """`--list` runs in place of the command, and what this requires is not required any more."""

    def __init__(
        self, option_strings: Sequence[str], *, waives: Sequence[argparse.Action], **kwargs: Any
    ) -> None:
        super().__init__(option_strings, nargs=0, **kwargs)
        self._waives = waives

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        namespace.run = list_named_styles
        for action in self._waives:
            action.required = False


def list_named_styles(options: argparse.Namespace) -> Answer:
    """What `STYLE` can be without a file.

    Args:
        options: The parsed arguments.

    Returns:
        The styles that have a name.
    """
    from course_utils.data import list_styles

    styles = list_styles()
    width = max(len(style.name) for style in styles)
    return Answer(
        [f"{style.name:<{width}}  {style.title}. {style.description}" for style in styles],
        {
            "styles": [
                {
                    "name": style.name,
                    "title": style.title,
                    "description": style.description,
                    "kind": style.kind,
                    "credit": style.credit,
                }
                for style in styles
            ]
        },
    )


def run(options: argparse.Namespace) -> Answer:
    """Paints one photo after the other, once everything that can be checked has been.

    Args:
        options: The parsed arguments.

    Returns:
        What was painted. Of several photos, those that cannot be painted are skipped.
    """
    photos = image_files(options.content, missing_ok=True)
    if options.mask is not None and len(photos) > 1:
        raise CommandError(f"--mask is for one photo, and there are {len(photos)}.")
    weights = [(options.style, 1.0), *options.blend]
    names = [style for style, _ in weights]
    suffix = f"_{'+'.join(Path(name).stem for name in names)}.png"
    pictures = picture_paths(photos, options.output, suffix=suffix)
    files = [*photos, *names, *([] if options.mask is None else [options.mask])]
    check_free(pictures, inputs=files, overwrite=options.overwrite)
    check_styles(names)
    mask = None if options.mask is None else read_mask(options.mask)
    jobs, problems = readable_jobs(list(map(Job, photos, pictures)))
    check_writable(pictures)
    paint = build_painter(options, weights, mask)

    documents, left = [], []
    for index, job in enumerate(jobs):
        try:
            documents.append(paint_photo(job, paint, overwrite=options.overwrite))
        except (ValueError, OSError, CommandError) as error:
            problems.append(report(job.photo, error, alone=len(photos) == 1))
        except KeyboardInterrupt:  # before there was a picture
            if not documents:
                raise
            left = jobs[index:]
            break
        if documents and documents[-1]["ended"] == "interrupted":
            left = jobs[index + 1 :]
            break
    return _answer(documents, problems, left, weights)


def _answer(
    documents: list[dict[str, Any]],
    problems: list[Problem],
    left: Sequence[Job],
    weights: Sequence[tuple[str, float]],
) -> Answer:
    interrupted = bool(left) or any(each["ended"] == "interrupted" for each in documents)
    if not documents:
        raise PhotoError("None of the photos could be painted.")
    if interrupted:
        last = documents[-1]
        so_far = (
            f" {last['picture']} is as far as it came." if last["ended"] == "interrupted" else ""
        )
        waiting = f" Photos that were not painted: {len(left)}." if left else ""
        note("warning", f"Interrupted.{so_far}{waiting}")
    return Answer(
        [_line(document) for document in documents],
        {
            "styles": [{"style": style, "weight": weight} for style, weight in weights],
            "pictures": documents,
            "skipped": [problem.document() for problem in problems],
            "not_painted": [str(job.photo) for job in left],
        },
        INTERRUPTED if interrupted else FAILED if problems else YES,
    )


def _line(document: dict[str, Any]) -> str:
    return (
        f"{document['picture']}: {document['width']} × {document['height']}, "
        f"{ENDINGS[document['ended']]} after {document['seconds']:.0f} s, J {document['cost']:.3g} "
        f"(content {document['content_cost']:.3g}, style {document['style_cost']:.3g})"
    )
