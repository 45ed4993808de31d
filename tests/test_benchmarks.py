"""What `make bench` writes follows from what was measured; nothing here takes the time."""

import dataclasses
import importlib.util
import json
import math
import re
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import pytest

from benchmarks import __main__ as command
from benchmarks import alone, catalogue, charts, machine, pairing, report
from benchmarks.results import (
    QUICK_NOTE,
    Curve,
    Findings,
    Pairing,
    Quantity,
    Results,
    results_as_json,
    results_from_json,
    spread,
    thinned,
)

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "benchmarks" / "results" / "results.json"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def made_pairing(ours, theirs, **fields):
    words = {"subject": "sorting", "condition": "10 numbers", "peer": "Peer"}
    return Pairing(ours=ours, theirs=theirs, **(words | fields))


def made_results(**fields):
    """Small, but with a bit of everything: a peer ahead, a goal not reached, curves."""
    metrics = Findings(
        name="metrics",
        pairings=[
            made_pairing([0.001, 0.002, 0.004], [0.004, 0.008, 0.008]),
            made_pairing([2.0], [0.5], subject="adding", quoted=False),
        ],
        quantities=[Quantity(name="error rate", value=4.1e-7, kind="difference")],
        peak_memory=1_500_000_000,
        seconds=30.0,
    )
    gallery = Findings(
        name="gallery",
        pairings=[made_pairing([0.01, 0.01], [0.009, 0.011], subject="searching", peer="FAISS")],
        quantities=[
            Quantity(name="ours from 10 to 100", value=1.25, kind="exponent", quoted=True),
            Quantity(name="search", value=0.5, low=0.4, high=0.6, unit="share", kind="share"),
        ],
        curves=[
            Curve(panel="one probe", name="ours", x=[10, 100, 1000], y=[1e-3, 1e-2, 1.0]),
            Curve(panel="one probe", name="FAISS", x=[10, 100, 1000], y=[1e-4, 1e-2, 2.0]),
        ],
        peak_memory=2_000_000_000,
        seconds=60.0,
    )
    style = Findings(
        name="style_transfer",
        pairings=[
            made_pairing([1.0, None, None], [5.0, 6.0, 7.0], subject="painting", runs_are="pairs")
        ],
        curves=[
            Curve(panel=panel, name=name, x=[1, 2, 3], y=[3.0, 2.0, end])
            for panel in ("cat in the style sky", "cup in the style sea")
            for name, end in (("ours", 1.0), ("Keras example, SGD", 1.5))
        ],
        seconds=30.0,
    )
    about = {
        "cpu": "Abacus",
        "cores": 2,
        "memory": 8_000_000_000,
        "system": "Linux x86_64",
        "python": "3.11.7",
        "commit": "abc",
        "load": 0.1,
    }
    results = Results(
        date="2026-03-01T12:00:00+00:00",
        machine=about,
        versions={"numpy": "2.0"},
        benchmarks=[metrics, gallery, style],
    )
    return dataclasses.replace(results, **fields)


# Pairing


def test_the_sides_run_in_turns_and_the_first_turn_does_not_count():
    calls = []
    seconds = pairing.in_turns(
        {"ours": lambda: calls.append("ours"), "peer": lambda: calls.append("peer")}, turns=3
    )
    assert calls == ["ours", "peer"] * 4
    assert {name: len(times) for name, times in seconds.items()} == {"ours": 3, "peer": 3}
    assert min(seconds["ours"] + seconds["peer"]) >= 0


def test_the_ratio_is_taken_run_by_run():
    """4/1, 8/2, 8/4 sort to 2, 4, 4; the medians 2 and 8 would give 4 as well, the means not."""
    found = made_pairing([1.0, 2.0, 4.0], [4.0, 8.0, 8.0])
    assert (found.ratio.low, found.ratio.median, found.ratio.high) == (2, 4, 4)
    assert (found.our_median, found.their_median, found.runs) == (2, 8, 3)
    # 1/1, 9/3, 2/4: the median ratio is 1, the ratio of medians 2/3.
    assert made_pairing([1.0, 3.0, 4.0], [1.0, 9.0, 2.0]).ratio.median == 1


@pytest.mark.parametrize(
    ("count", "ends"),
    [(1, (1, 1)), (20, (1, 20)), (21, (2, 20)), (101, (6, 96))],
    ids=["one", "twenty: all", "twenty-one: one left out", "a hundred and one: five left out"],
)
def test_the_spread_leaves_out_a_twentieth_at_each_end(count, ends):
    found = spread(list(range(count, 0, -1)))
    assert (found.low, found.high) == ends
    assert found.median == (count + 1) / 2


def test_what_never_gets_there_has_the_ratio_0():
    found = made_pairing([None, 2.0, None], [1.0, 8.0, 1.0])
    assert (found.ratio.low, found.ratio.median, found.ratio.high) == (0, 0, 4)
    assert found.our_median is None
    assert found.never == 2
    mostly = made_pairing([None, 2.0, 4.0], [1.0, 8.0, 8.0])
    assert (mostly.ratio.median, mostly.our_median, mostly.never) == (2, 4, 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ([1.0, 1.0], [2.0, 1.1], "ours"),
        ([2.0, 1.1], [1.0, 1.0], "peer"),
        ([1.0, 1.0], [0.9, 5.0], "neither"),
        ([1.0], [1.0], "neither"),
        ([None, None, 1.0], [1.0, 1.0, 9.0], "peer"),
        ([None, 1.0, 1.0], [1.0, 9.0, 9.0], "neither"),
    ],
)
def test_ahead_is_who_is_better_in_the_whole_range(ours, theirs, verdict):
    assert made_pairing(ours, theirs).verdict == verdict


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ([1.0], [1.0, 2.0], "as many values .* Received: 1 and 2"),
        ([], [], "at least one. Received: 0 and 0"),
        ([0.0], [1.0], "must be positive. Received"),
        ([1.0], [math.nan], "must be positive. Received"),
        ([1.0], [math.inf], "must be positive. Received"),
    ],
)
def test_a_pairing_of_nothing_is_refused(ours, theirs, message):
    with pytest.raises(ValueError, match=message):
        made_pairing(ours, theirs)


def test_an_unknown_kind_and_a_lame_curve_are_refused():
    with pytest.raises(ValueError, match=r"`kind` must be one of .* Received: kind='speed'"):
        Quantity(name="x", value=1.0, kind="speed")
    with pytest.raises(ValueError, match=r"as many x as y. Received: 2 and 1 in 'ours'"):
        Curve(panel="", name="ours", x=[1, 2], y=[1])


# Results as JSON


def test_results_survive_json():
    results = made_results()
    text = results_as_json(results)
    assert results_from_json(text) == results
    assert results_as_json(results_from_json(text)) == text


def test_json_holds_the_raw_seconds_and_what_follows_from_them():
    content = json.loads(results_as_json(made_results()))
    first = content["benchmarks"][0]["pairings"][0]
    assert first["ours"] == [0.001, 0.002, 0.004]
    assert first["derived"] == {
        "ours": 0.002,
        "theirs": 0.008,
        "ratio": {"low": 2.0, "median": 4.0, "high": 4.0},
        "runs": 3,
        "verdict": "ours",
    }
    assert "note" not in content
    assert json.loads(results_as_json(made_results(quick=True)))["note"] == QUICK_NOTE


def test_a_thinned_curve_has_points_of_the_curve_and_both_ends():
    whole = Curve(panel="", name="ours", x=range(1, 4001), y=[1 / k for k in range(1, 4001)])
    few = thinned(whole, points=50)
    assert len(few.x) <= 50
    assert (few.x[0], few.x[-1]) == (1, 4000)
    assert list(few.x) == sorted(set(few.x))
    assert few.y == tuple(float(f"{1 / k:.6g}") for k in few.x)
    assert thinned(few, points=50) == few


# Words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (33.04, "s", "33.0 s"),
        (1.0, "s", "1.00 s"),
        (0.9996, "s", "1.00 s"),
        (0.9994, "s", "999 ms"),
        (0.0024, "s", "2.40 ms"),
        (8.1e-5, "s", "81.0 µs"),
        (4e-7, "s", "0.400 µs"),
        (1234.5, "s", "1,234 s"),
        (1.5e9, "bytes", "1.50 GB"),
        (0.914, "share", "91 %"),
        (1.0449, "times", "1.04 ×"),
        (4.1e-7, "", "4·10⁻⁷"),
        (0, "", "0"),
    ],
)
def test_numbers_in_words(value, unit, words):
    assert report.number_in_words(value, unit) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        *((0, "never"), (0.0051, "0.0051"), (0.298, "0.30"), (0.999, "1.0"), (1.25, "1.2")),
        *((9.96, "10"), (38.8, "39"), (123.4, "120"), (1270, "1,300")),
    ],
)
def test_ratios_have_two_digits(value, words):
    assert report.ratio(value) == words


def test_a_pairing_and_a_quantity_in_words():
    line = report.pairing_in_words(made_pairing([0.001, 0.002, 0.004], [0.004, 0.008, 0.008]))
    assert line == "sorting (10 numbers): ours 2.00 ms, Peer 8.00 ms, ratio 4.0 [2.0, 4.0]"
    share = Quantity(name="", value=0.5, low=0.4, high=0.6, unit="share", kind="share")
    assert report.quantity_in_words(share) == "50 % [40 %, 60 %]"
    assert report.quantity_in_words(Quantity(name="", value=2.0, unit="s")) == "2.00 s"
    assert report.quantity_in_words(Quantity(name="", value=-0.0976, kind="exponent")) == "-0.10"


def test_the_report_says_where_the_peer_wins():
    text = report.where_the_peer_wins(made_results().pairings)
    assert text == (
        "Ahead of ours: Peer in adding (4.0 times as fast); Peer in painting (ours never gets "
        "there with 2 of 3 pairs). The range holds 1, so that neither is ahead for sure: "
        "searching (FAISS)."
    )
    assert report.where_the_peer_wins([made_pairing([1.0], [2.0])]) == (
        "No peer is ahead in all runs."
    )


# Pages


def rows(text):
    """The cells of the rows of all tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in ("what", "benchmark")]


def test_the_page_has_a_row_for_all_that_was_found():
    text = report.as_page(made_results())
    found = rows(text)
    assert [
        "sorting, 10 numbers",
        "2.00 ms",
        "Peer",
        "8.00 ms",
        "4.0 [2.0, 4.0]",
        "3 runs",
    ] in found
    assert ["painting, 10 numbers", "never", "Peer", "6.00 s", "never [never, 5.0]", "3 pairs"] in (
        found
    )
    assert ["Identification", "ours from 10 to 100", "1.25"] in found
    assert ["Identification", "search", "50 % [40 %, 60 %]"] in found
    assert ["Metrics", "error rate", "4·10⁻⁷"] in found
    peaks = {row[0]: row[2] for row in found if row[1].startswith("peak of the whole process")}
    assert peaks == {"Metrics": "1.50 GB", "Identification": "2.00 GB", "Style transfer": "0 GB"}
    assert len(found) == 4 + 3 + 3
    assert "1 March 2026 on 2 cores of Abacus with 8.00 GB of memory" in text
    assert "in 2 minutes. numpy 2.0." in text
    assert QUICK_NOTE not in text


def test_the_page_shows_the_plots_that_are_written_and_no_others():
    for results in (made_results(), made_results(benchmarks=made_results().benchmarks[:1])):
        shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", report.as_page(results))
        assert sorted(shown) == sorted(charts.charts(results))


def test_the_table_of_the_block_has_what_is_quoted_only():
    text = report.as_block(made_results())
    assert [row[0].split(",")[0] for row in rows(text)] == ["sorting", "searching", "painting"]
    assert "Growth, seconds ∝ templates^exponent: ours from 10 to 100 1.25." in text
    assert "error rate" not in text
    assert "1 March 2026 on 2 cores of Abacus" in text.splitlines()[0]


def test_the_block_hides_no_peer_that_is_ahead():
    text = report.as_block(made_results())
    assert "Peer in adding (4.0 times as fast)" in text  # which is not quoted


def test_a_trial_says_so_in_all_it_writes():
    results = made_results(quick=True)
    for text in (report.as_page(results), report.as_block(results), results_as_json(results)):
        assert QUICK_NOTE in text
    assert charts.charts(results) != charts.charts(made_results())


def test_the_block_takes_its_place_in_a_readme_and_nothing_else_changes():
    readme = f"before\n{report.BEGIN}\nold\nlines\n{report.END}\nafter\n"
    changed = report.with_block(readme, "new")
    assert changed == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"
    assert report.with_block(changed, "new") == changed
    assert report.block_of(changed) == "new"
    assert report.with_block("no marks\n", "new") is None
    assert report.block_of("no marks\n") is None


@pytest.mark.parametrize(
    "marks",
    [(report.BEGIN,), (report.END,), (report.END, report.BEGIN), (report.BEGIN,) * 2],
    ids=["no end", "no begin", "wrong order", "twice"],
)
def test_a_readme_with_broken_marks_is_refused(marks):
    with pytest.raises(ValueError, match=r"must have one .* Received: .* Mend the marks"):
        report.with_block("\n".join(marks), "new")


# Plots


def test_the_plots_are_whole_pictures(tmp_path):
    for name, content in charts.charts(made_results()).items():
        (tmp_path / name).write_bytes(content)
        height, width, _ = matplotlib.image.imread(tmp_path / name).shape
        assert 800 <= width <= 1100
        assert height > 200


def test_the_plot_of_ratios_has_a_dot_at_each_median_and_a_line_at_1():
    (ax,) = charts.plot_ratios(made_results()).axes
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == pytest.approx([4, 0.25, 1])
    assert [dot.get_color() for dot in dots] == [
        charts.VERDICTS[v] for v in ("ours", "peer", "neither")
    ]
    assert sum(line.get_marker() == "<" for line in ax.lines) == 1  # what is never reached
    assert any(list(line.get_xdata()) == [1, 1] for line in ax.lines)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["sorting / Peer", "adding / Peer", "searching / FAISS", "painting / Peer"]
    assert ax.get_xscale() == "log"


def test_the_plot_of_identification_has_milliseconds_and_exponents():
    (_, gallery, _) = made_results().benchmarks
    (ax,) = charts.plot_identification(gallery).axes
    assert list(ax.lines[0].get_ydata()) == pytest.approx([1, 10, 1000])
    assert {text.get_text() for text in ax.texts} == {"ours: 1.00, 2.00", "FAISS: 2.00, 2.30"}
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_the_plot_of_style_transfer_has_a_panel_a_pair():
    (_, _, style) = made_results().benchmarks
    figure = charts.plot_style_transfer(style)
    assert len(figure.axes) == 2
    for ax in figure.axes:
        assert [list(line.get_ydata()) for line in ax.lines] == [[3, 2, 1], [3, 2, 1.5]]
        low, high = ax.get_ylim()
        assert low < 1.0 < 1.5 < high
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ours", "Keras example, SGD"]


def test_drawing_leaves_the_settings_and_no_figure_behind():
    before = dict(plt.rcParams)
    charts.charts(made_results())
    assert dict(plt.rcParams) == before
    assert plt.get_fignums() == []


# The command


def test_the_catalogue_has_each_file_and_each_file_measures():
    files = {path.stem.removeprefix("bench_") for path in (ROOT / "benchmarks").glob("bench_*.py")}
    assert set(catalogue.BENCHMARKS) == files
    for name in files:
        text = (ROOT / "benchmarks" / f"bench_{name}.py").read_text(encoding="utf-8")
        assert "def measure(record: Record, options: argparse.Namespace) -> None:" in text


def test_without_names_all_run_and_the_results_are_the_published_ones():
    options = command.parsed([])
    assert options.names == list(catalogue.BENCHMARKS)
    assert options.output == PUBLISHED.parent
    assert not options.quick


def test_names_are_taken_once_in_their_order(tmp_path):
    options = command.parsed(["triplet", "metrics", "triplet", "--output", str(tmp_path)])
    assert options.names == ["triplet", "metrics"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quick"], "needs an --output of its own"),
        (["--quick", "--output", str(PUBLISHED.parent)], "needs an --output of its own"),
        (["metrics"], "Give --output with a NAME"),
        (["metrics", "--output", str(PUBLISHED.parent / ".." / "results")], "Give --output"),
        (["metric", "--output", "elsewhere"], "must be among .* Received: 'metric'"),
    ],
)
def test_half_and_hasty_results_never_replace_the_published_ones(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.fixture
def absent_peer(monkeypatch):
    lonely = catalogue.Benchmark(title="Lonely", peers=("json", "no_such_peer"))
    monkeypatch.setitem(catalogue.BENCHMARKS, "lonely", lonely)


@pytest.mark.usefixtures("absent_peer")
def test_a_missing_peer_is_an_error_that_names_the_mend(tmp_path, capsys):
    assert importlib.util.find_spec("no_such_peer") is None
    output = tmp_path / "results"
    assert command.main(["lonely", "--output", str(output)]) == 1
    assert "Received: no no_such_peer. `make bench` installs them." in capsys.readouterr().err
    assert not output.exists()


def test_a_benchmark_that_fails_gives_an_exit_status_and_writes_nothing(
    tmp_path, monkeypatch, capfd
):
    """Its process really runs, and fails: there is no such benchmark over there."""
    monkeypatch.setitem(catalogue.BENCHMARKS, "broken", catalogue.Benchmark(title="", peers=()))
    output = tmp_path / "results"
    assert command.main(["broken", "--output", str(output)]) == 1
    message = capfd.readouterr().err
    assert "The benchmark broken failed (exit status 2): see above. Nothing was written." in message
    assert not output.exists()


def test_sides_that_differ_stop_the_benchmark(capsys):
    record = alone.Record("metrics")
    record.difference("near", 1e-7, 1e-5)
    assert [each.kind for each in record.findings.quantities] == ["difference"]
    for value in (1e-3, math.nan):
        with pytest.raises(AssertionError, match=r"far: .* may differ by 1e-05\. Received"):
            record.difference("far", value, 1e-5)
    assert len(record.findings.quantities) == 1
    assert "near 1·10⁻⁷" in capsys.readouterr().out


def test_each_finding_is_printed_as_it_comes(capsys):
    record = alone.Record("metrics")
    record.pairing(made_pairing([1.0], [2.0]))
    record.memory_so_far("process")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  sorting (10 numbers): ours 1.00 s, Peer 2.00 s, ratio 2.0 [2.0, 2.0]"
    assert re.fullmatch(r"  Memory: process [\d.]+ GB", lines[1])


def test_everything_is_written_and_the_readme_of_the_project_is_not_touched(tmp_path):
    results = made_results()
    written = command.write(results, tmp_path / "new" / "folder")
    assert sorted(path.name for path in written) == sorted(
        path.name for path in (tmp_path / "new" / "folder").iterdir()
    )
    assert {path.name for path in written} == {
        *("results.json", "README.md", "ratios.png", "identification.png", "style_transfer.png")
    }
    assert (ROOT / "README.md").read_text(encoding="utf-8") == README


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of its own, whose README has marks."""
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "benchmarks" / "results")
    (tmp_path / "README.md").write_text(f"# P\n{report.BEGIN}\n{report.END}\n", encoding="utf-8")
    return tmp_path


def test_the_published_results_stand_in_the_readme_too(project):
    results = made_results()
    command.write(results, project / "benchmarks" / "results")
    text = (project / "README.md").read_text(encoding="utf-8")
    assert report.block_of(text) == report.as_block(results)
    stored = (project / "benchmarks" / "results" / "results.json").read_text(encoding="utf-8")
    assert report.as_block(results_from_json(stored)) == report.block_of(text)


def test_a_readme_with_broken_marks_stops_before_anything_is_written(project):
    (project / "README.md").write_text(report.BEGIN, encoding="utf-8")
    with pytest.raises(ValueError, match="Mend the marks"):
        command.write(made_results(), project / "benchmarks" / "results")
    assert not (project / "benchmarks").exists()


def test_the_machine_is_described_without_naming_anybody():
    about = machine.describe()
    assert about["cores"] >= 1
    assert about["memory"] > 10**8
    assert machine.peak_memory() > 10**7
    text = json.dumps(about)
    assert str(ROOT) not in text
    assert str(Path.home()) not in text or str(Path.home()) == "/"


def test_versions_name_packages_of_both_sides():
    found = catalogue.versions(["metrics"])
    assert {"numpy", "scipy", "scikit-learn", "keras", "tensorflow"} <= set(found)
    assert "torch" not in found


# What is published


@pytest.mark.skipif(not PUBLISHED.exists(), reason="no results are published yet")
def test_the_published_pages_are_what_the_published_results_render():
    results = results_from_json(PUBLISHED.read_text(encoding="utf-8"))
    assert not results.quick
    assert [each.name for each in results.benchmarks] == list(catalogue.BENCHMARKS)
    page = PUBLISHED.with_name("README.md").read_text(encoding="utf-8")
    assert page == report.as_page(results)
    for name in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page):
        assert PUBLISHED.with_name(name).exists()


@pytest.mark.skipif(report.block_of(README) is None, reason="the README quotes no results yet")
def test_the_readme_quotes_the_published_results():
    results = results_from_json(PUBLISHED.read_text(encoding="utf-8"))
    assert report.block_of(README) == report.as_block(results)
    assert len(rows(report.as_block(results))) <= 16
