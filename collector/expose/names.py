"""The table of every metric that starts with `haidang_` and is made here: the reference is generated from it.

A metric that is not in the table cannot be exposed by the collector, and agents' series of these names are not shown.
"""

from __future__ import annotations

import msgspec

GAUGE, COUNTER, HISTOGRAM = "gauge", "counter", "histogram"
TARGET = ("instance", "site", "class")


class Own(msgspec.Struct, frozen=True):
    """One metric of the collector: `unit` is OpenMetrics' (the name ends with it), "" for plain counts and states."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""


_TABLE = (
    Own("haidang_build_info", GAUGE, "Always 1; the label tells the version of the collector.", ("version",)),
    Own("haidang_collector_ready", GAUGE, "1 while the collector takes reports and answers from a complete picture, else 0."),
    Own("haidang_collector_blind_seconds_total", COUNTER, "Time in which the collector itself saw nothing.", (), "seconds"),
    Own(
        "haidang_config_reloads_total", COUNTER, "Reloads of configuration and inventory by result: ok or refused.", ("result",)
    ),
    Own("haidang_targets", GAUGE, "Targets of inventory by present state.", ("state",)),
    Own("haidang_target_state", GAUGE, "1 for the state that the target is in now, 0 for the others.", (*TARGET, "state")),
    Own(
        "haidang_target_state_since_timestamp_seconds",
        GAUGE,
        "Unix time at which the present state became true; absent while the target never reported.",
        TARGET,
        "seconds",
    ),
    Own(
        "haidang_target_last_report_age_seconds",
        GAUGE,
        "Age of the target's last sign of life; absent while it never reported.",
        TARGET,
        "seconds",
    ),
    Own("haidang_agent_info", GAUGE, "Always 1; the label tells the version of the agent.", (*TARGET, "version")),
    Own(
        "haidang_agent_watermark_age_seconds",
        GAUGE,
        "Time since the collector last had everything that a lane of the agent's spool had produced.",
        (*TARGET, "lane"),
        "seconds",
    ),
    Own("haidang_agent_backlog_reports", GAUGE, "Reports produced and not yet accepted without a gap.", (*TARGET, "lane")),
    Own("haidang_agent_held_reports", GAUGE, "Reports held in a lane of the agent's spool.", (*TARGET, "lane")),
    Own("haidang_agent_held_bytes", GAUGE, "Bytes held in a lane of the agent's spool.", (*TARGET, "lane"), "bytes"),
    Own(
        "haidang_agent_clock_offset_seconds",
        GAUGE,
        "Wall clock of the agent minus the collector's; above 5 s is worth a look.",
        TARGET,
        "seconds",
    ),
    Own("haidang_agent_lost_reports_total", COUNTER, "Reports that are gone, as loss records state.", (*TARGET, "reason")),
    Own("haidang_agent_identity_conflicts_total", COUNTER, "Batches refused because another sender has this identity.", TARGET),
    Own("haidang_ingest_requests_total", COUNTER, "Answers of the agents' listener by HTTP status code.", ("code",)),
    Own("haidang_ingest_received_bytes_total", COUNTER, "Bodies of batches as received.", (), "bytes"),
    Own("haidang_ingest_batches_total", COUNTER, "Batches stored."),
    Own("haidang_ingest_reports_total", COUNTER, "New reports stored."),
    Own("haidang_ingest_samples_total", COUNTER, "Values that new reports carried."),
    Own("haidang_ingest_duplicate_reports_total", COUNTER, "Reports received again, which is harmless."),
    Own("haidang_ingest_late_reports_total", COUNTER, "New reports that came later than the grade live allows."),
    Own("haidang_ingest_refused_reports_total", COUNTER, "Reports refused for good, by reason.", ("reason",)),
    Own("haidang_ingest_refused_schemas_total", COUNTER, "Schemas that broke a limit or met a full share."),
    Own("haidang_ingest_orphan_reports_total", COUNTER, "Stored reports of targets that inventory does not have."),
    Own("haidang_ingest_older_reports_total", COUNTER, "Reports overtaken by newer ones of their module: stored, not shown."),
    Own("haidang_ingest_dropped_blocks_total", COUNTER, "Blocks of values that are not shown, by reason.", ("reason",)),
    Own("haidang_ingest_commit_duration_seconds", HISTOGRAM, "Time of each group commit.", (), "seconds"),
    Own("haidang_ingest_commit_failures_total", COUNTER, "Group commits that failed; their batches were refused."),
    Own("haidang_ingest_queue_batches", GAUGE, "Batches that wait for the next group commit."),
    Own("haidang_ingest_queue_limit_batches", GAUGE, "Batches that may wait; the next is answered 503."),
    Own("haidang_schemas", GAUGE, "Known schemas of reports."),
    Own(
        "haidang_schema_text_bytes", GAUGE, "Names, help and label values of the known schemas, each counted once.", (), "bytes"
    ),
    Own("haidang_family_conflicts", GAUGE, "Names that agents report with more than one type; they are shown as untyped."),
    Own("haidang_scrapes_total", COUNTER, "Answers of the metric pages by page and HTTP status code.", ("page", "code")),
)

NAMES: dict[str, Own] = {own.name: own for own in _TABLE}
"""Every metric of the collector by name."""
RESERVED = frozenset(NAMES) | {
    name + part for name, own in NAMES.items() if own.type == HISTOGRAM for part in ("_bucket", "_count", "_sum")
}
"""Names that no agent's series may have: those of the table, and those under which its histograms are written."""


def heading(own: Own, openmetrics: bool) -> bytes:
    """HELP, TYPE and, in OpenMetrics, UNIT."""
    if not openmetrics:
        return f"# HELP {own.name} {own.help}\n# TYPE {own.name} {own.type}\n".encode()
    name = own.name.removesuffix("_total") if own.type == COUNTER else own.name
    unit = f"# UNIT {name} {own.unit}\n" if own.unit else ""
    return f"# HELP {name} {own.help}\n# TYPE {name} {own.type}\n{unit}".encode()
