"""Writes the Grafana boards of this folder: `python -m dashboards.build`; with `--check` it only says what is out of date.

A board is a list of panels (`dashboards.overview`); each language gets its own JSON file. Every expression is run against
a real Prometheus in `tests/e2e/test_prometheus.py` and must return data.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders import common as common_builder
from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.overview import OVERVIEW, STATES, TITLE, Panel, Text

FOLDER = Path(__file__).parent
LANGUAGES = ("vi", "en")
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${source}")
_Builder = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel


def _thresholds(bounds: tuple[float, float] | None) -> builder.ThresholdsConfig:
    steps = [model.Threshold(value=None, color="green")]
    if bounds:
        steps += [model.Threshold(value=bounds[0], color="yellow"), model.Threshold(value=bounds[1], color="red")]
    return builder.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _states(language: str) -> list[model.ValueMapping]:
    options = {
        str(number): model.ValueMappingResult(text=getattr(text, language), color=color, index=number)
        for number, (text, color) in STATES.items()
    }
    return [model.ValueMap(options=options)]


def _new(panel: Panel, language: str) -> _Builder:
    match panel.kind:
        case "stat":
            last = common_builder.ReduceDataOptions().calcs(["lastNotNull"])
            return stat.Panel().reduce_options(last).graph_mode(common.BigValueGraphMode.NONE)
        case "states":
            return statetimeline.Panel().mappings(_states(language)).show_value(common.VisibilityMode.NEVER)
        case "table":
            return table.Panel()
        case "lines":
            legend = common_builder.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM)
            legend = legend.display_mode(common.LegendDisplayMode.LIST).calcs(["lastNotNull"])
            return timeseries.Panel().legend(legend).fill_opacity(8).show_points(common.VisibilityMode.NEVER)


def _panel(panel: Panel, language: str, number: int) -> _Builder:
    made = _new(panel, language).id(number).title(getattr(panel.title, language)).description(getattr(panel.about, language))
    made = made.datasource(SOURCE).unit(panel.unit).thresholds(_thresholds(panel.bounds)).span(panel.width).height(panel.height)
    for query, letter in zip(panel.queries, "ABCDEFGH", strict=False):
        legend = query.legend if isinstance(query.legend, str) else getattr(query.legend, language)
        asked = prometheus.Dataquery().expr(query.expr).legend_format(legend).ref_id(letter).datasource(SOURCE)
        if panel.kind == "table":
            asked = asked.instant().format(PromQueryFormat.TABLE)
        made = made.with_target(asked)
    return made


def board(language: str) -> str:
    """The *Overview* board in one language, as the JSON that Grafana imports."""
    made = builder.Dashboard(getattr(TITLE, language)).uid(f"haidang-overview-{language}").tags(["haidang", language])
    made = made.readonly().timezone("browser").time("now-3h", "now").refresh("15s")
    made = made.with_variable(builder.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    made = made.with_variable(
        builder.QueryVariable("instance")
        .label(getattr(Text("Đối tượng", "Target"), language))
        .query("label_values(haidang_target_state, instance)")
        .datasource(SOURCE)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )
    numbers = itertools.count(1)
    for row in OVERVIEW:
        made = made.with_row(builder.Row(getattr(row.title, language)).id(next(numbers)))
        for panel in row.panels:
            made = made.with_panel(_panel(panel, language, next(numbers)))
    return json.dumps(made.build(), cls=JSONEncoder, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Write the boards; with `--check` write nothing and return 1 if a file differs."""
    stale = []
    for language in LANGUAGES:
        file = FOLDER / f"overview-{language}.json"
        made = board(language)
        if file.exists() and file.read_text(encoding="utf-8") == made:
            continue
        stale.append(file.name)
        if "--check" not in sys.argv:
            file.write_text(made, encoding="utf-8")
    if stale:
        print("out of date, run `make boards`:" if "--check" in sys.argv else "written:", ", ".join(stale))  # noqa: T201
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
