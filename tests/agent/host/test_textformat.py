"""The parser of the Prometheus text format: what it takes it takes rightly, everything else is a `TextError` with a line."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.host.textformat import LIMITS, Labels, Metric, TextError, parse
from agent.model import MetricType


def values(raw: str) -> dict[tuple[str, Labels], float]:
    return {(metric.name, labels): value for metric in parse(raw.encode()) for labels, value in metric.samples.items()}


def test_metrics_have_their_type_and_help() -> None:
    raw = """# HELP backup_age_seconds Age of the newest backup,\\nby \\\\ name.
# TYPE backup_age_seconds gauge
backup_age_seconds{name="db"} 3600
  backup_age_seconds{ name = "files" , } 7.2e3
# a comment
#
# HELP
jobs_total 7
# TYPE left_out counter
"""
    raw = raw.replace("# HELP\n", "")
    age, jobs = parse(raw.encode())
    assert (age.name, age.type, age.help) == ("backup_age_seconds", MetricType.GAUGE, "Age of the newest backup,\nby \\ name.")
    assert age.samples == {(("name", "db"),): 3600.0, (("name", "files"),): 7200.0}
    assert jobs == Metric("jobs_total", MetricType.UNTYPED, "", {(): 7.0})


def test_parts_of_histograms_and_summaries_are_untyped_metrics_with_the_help_of_the_whole() -> None:
    raw = """# HELP wait_seconds How long.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.1"} 3
wait_seconds_bucket{le="+Inf"} 4
wait_seconds_sum 0.9
wait_seconds_count 4
# TYPE size_bytes summary
size_bytes{quantile="0.5"} 10
size_bytes_sum 30
"""
    found = {metric.name: metric for metric in parse(raw.encode())}
    assert set(found) == {"wait_seconds_bucket", "wait_seconds_sum", "wait_seconds_count", "size_bytes", "size_bytes_sum"}
    assert {metric.type for metric in found.values()} == {MetricType.UNTYPED}
    assert found["wait_seconds_bucket"].help == "How long."


@pytest.mark.parametrize(
    ("value", "number"),
    [("1", 1.0), ("+1.", 1.0), (".5", 0.5), ("-2.5E+3", -2500.0), ("+Inf", math.inf), ("-inf", -math.inf), ("1e999", math.inf)],
)
def test_numbers(value: str, number: float) -> None:
    assert values(f"a {value}\n") == {("a", ()): number}


def test_not_a_number_is_a_value() -> None:
    assert math.isnan(values("a NaN\n")[("a", ())])


def test_labels_of_the_collector_are_renamed() -> None:
    assert values('a{instance="x",site="y",class="z",job="j"} 1\n') == {
        ("a", (("exported_class", "z"), ("exported_instance", "x"), ("exported_site", "y"), ("job", "j"))): 1.0
    }


def test_escapes_in_label_values() -> None:
    assert values('a{x="\\\\n\\"\\n{},= "} 1\n') == {("a", (("x", '\\n"\n{},= '),)): 1.0}


def test_an_empty_label_is_no_label() -> None:
    assert values('a{x=""} 1\n') == {("a", ()): 1.0}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("a 1", "line 1: the last line has no line end; was the file written half?"),
        ("ok 1\na 1 1700000000000\n", "line 2: a has the time stamp '1700000000000', expected none"),
        ("a\n", "line 1: a has the value '', expected a number"),
        ("a 1_000\n", "line 1: a has the value '1_000', expected a number"),
        ("a 0x10\n", "line 1: a has the value '0x10', expected a number"),
        ("a \u0661\n", "line 1: a has the value '\u0661', expected a number"),
        ("a nano\n", "line 1: a has the value 'nano', expected a number"),
        ("a-2.5e3\n", "line 1: found 'a-2.5e3', expected a metric name and a blank before its value"),
        ("a.5\n", "line 1: found 'a.5', expected a metric name and a blank before its value"),
        ("a 1 2 3\n", "line 1: a has the value '1 2 3', expected a number"),
        ("1a 1\n", "line 1: found '1a 1', expected a metric name"),
        ("\u00e9 1\n", "line 1: found '\u00e9 1', expected a metric name"),
        ('a{x="1"} 1\na{x="1"} 2\n', "line 2: a appears twice with the same labels"),
        ('a{x=""} 1\na 2\n', "line 2: a appears twice with the same labels"),
        ('a{x="1",x="2"} 1\n', "line 1: a has the label x twice"),
        ('a{instance="1",exported_instance="2"} 1\n', "line 1: a has the label exported_instance twice"),
        ('a{x="1"\n', "line 1: a has '' after label x, expected ',' or '}'"),
        ('a{x="1" y="2"} 1\n', "line 1: a has 'y=\"2\"} 1' after label x, expected ',' or '}'"),
        ('a{x="\\t"} 1\n', 'line 1: a has the labels \'x="\\\\t"} 1\', expected label="value"'),
        ("a{x=1} 1\n", "line 1: a has the labels 'x=1} 1', expected label=\"value\""),
        ('a{,x="1"} 1\n', 'line 1: a has the labels \',x="1"} 1\', expected label="value"'),
        ('a{x:y="1"} 1\n', 'line 1: a has the labels \'x:y="1"} 1\', expected label="value"'),
        ('a{__name__="b"} 1\n', "line 1: a has the label __name__, expected a name that does not begin with '__'"),
        ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: second TYPE of a"),
        ("# HELP a x\n# HELP a y\n", "line 2: second HELP of a"),
        ("a 1\n# TYPE a gauge\n", "line 2: TYPE of a stands after its samples, expected before them"),
        ("a_sum 1\n# TYPE a summary\n", "line 2: TYPE of a stands after its samples, expected before them"),
        ("# TYPE a enum\n", "line 1: TYPE of a is 'enum', expected counter, gauge, untyped, histogram or summary"),
        ("# TYPE a-b gauge\n", "line 1: TYPE of 'a-b gauge', expected a metric name"),
        ("# HELP\n", "line 1: found '', expected a metric name"),
        (f"{'a' * 256} 1\n", "line 1: metric name of 256 characters, expected at most 255"),
        (f'a{{x="{"v" * 2049}"}} 1\n', "line 1: a: label x has 2049 characters, expected at most 2048"),
        (f"# HELP a {'h' * 1025}\n", "line 1: HELP of a has 1025 characters, expected at most 1024"),
        ("\r\n", "line 1: found '\\r', expected a metric name"),
    ],
)
def test_what_is_wrong_is_said(raw: str, message: str) -> None:
    with pytest.raises(TextError) as caught:
        parse(raw.encode())
    assert str(caught.value) == message


def test_too_many_labels_and_series_are_refused() -> None:
    labels = ",".join(f'l{number}="1"' for number in range(LIMITS.labels_per_series + 1))
    with pytest.raises(TextError, match="33 labels, expected at most 32"):
        parse(f"a{{{labels}}} 1\n".encode())
    with pytest.raises(TextError, match="line 4: more than 3 series"):
        parse(b"a 1\nb 1\nc 1\nd 1\n", max_series=3)


def test_a_file_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(TextError, match="line 2: not UTF-8"):
        parse(b'a 1\nb{x="\xff"} 1\n')


names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True)
label_names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("instance", "site", "class")
)
label_sets = st.dictionaries(label_names, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), max_size=3)
metrics = st.dictionaries(
    names,
    st.tuples(
        st.sampled_from(list(MetricType)),
        st.dictionaries(label_sets.map(lambda labels: tuple(sorted(labels.items()))), st.floats(), min_size=1, max_size=3),
    ),
    max_size=4,
)


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@given(metrics)
def test_what_is_written_by_the_book_comes_back(written: dict[str, tuple[MetricType, dict[Labels, float]]]) -> None:
    lines: list[str] = []
    for name, (kind, samples) in written.items():
        lines.append(f"# TYPE {name} {kind}")
        for labels, value in samples.items():
            pairs = ",".join(f'{label}="{escaped(text)}"' for label, text in labels)
            lines.append(f"{name}{{{pairs}}} {value!r}")
    found = {metric.name: metric for metric in parse("".join(f"{line}\n" for line in lines).encode())}
    assert {name: metric.type for name, metric in found.items()} == {name: kind for name, (kind, _) in written.items()}
    for name, (_, samples) in written.items():
        assert repr(sorted(found[name].samples.items())) == repr(sorted(samples.items()))  # NaN equals NaN this way


# fmt: off
WORDS = [
    "a", "b_total", "counter", "gauge", "histogram", "{", "}", 'x="1"', 'y="\\n"', ",", "1", "-2.5e3", "NaN", "+Inf", "#", '"',
    "\\", "=", "_bucket",
]
# fmt: on
BLANKS = ("# TYPE ", "# HELP ", " ", "\t", "\n", "\r", "\0", "\u2028", "a 1\n", 'a{x="1"} 2\n')
pieces = st.lists(st.sampled_from((*WORDS, *BLANKS)), max_size=30).map("".join)


COMMENT_WITHOUT_BLANK = re.compile(r"^\s*#[^\s][^\n]*", re.MULTILINE)
"""The other parser takes the sign and what is glued to it for one token, and reads a TYPE after `##` or `#a`, which by the
format is a comment."""

TYPE_COUNTER = re.compile(r"^([^\S\n]*#[^\S\n]+TYPE[^\S\n]+\S+[^\S\n]+)counter\b", re.MULTILINE)
"""The other parser adds `_total` to the samples of a counter that has another name."""


def for_the_other(raw: str) -> str:
    """The text without what the other parser is known to read otherwise; no sample is among it."""
    return TYPE_COUNTER.sub(r"\1gauge", COMMENT_WITHOUT_BLANK.sub("", raw))


@given(pieces | st.text())
@example("## TYPE {\n")
@example("#a# TYPE a 1\n")
@example("# TYPE a counter\na 1\n")
def test_no_text_breaks_the_parser_and_what_it_takes_another_parser_reads_the_same(raw: str) -> None:
    """What we accept means the same to prometheus_client's parser (which accepts much more)."""
    parser = pytest.importorskip("prometheus_client.parser")
    try:
        ours = values(raw)
    except TextError:
        return
    theirs = {
        (sample.name, tuple(sorted((name, value) for name, value in sample.labels.items() if value))): float(sample.value)
        for family in parser.text_string_to_metric_families(for_the_other(raw))
        for sample in family.samples
    }
    assert {key: repr(value) for key, value in ours.items()} == {key: repr(value) for key, value in theirs.items()}


@given(st.binary())
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    """Anything is either parsed or refused with a line that the file has."""
    line = 1
    try:
        parse(raw)
    except TextError as error:
        line = error.line
    assert 1 <= line <= raw.count(b"\n") + 1
