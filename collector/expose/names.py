"""The table of every metric that starts with `haidang_` and is made here: the reference is generated from it.

A metric that is not in the table cannot be exposed by the collector, and agents' series of these names are not shown.
"""

from __future__ import annotations

import msgspec

from agent.probes.figures import FAMILIES as OBSERVING

GAUGE, COUNTER, HISTOGRAM = "gauge", "counter", "histogram"
TARGET = ("instance", "site", "class")
SUBJECT = (*TARGET, "kind")
"""Labels of what the ledger has a page for: `kind` is target, agent, group or site."""


class Own(msgspec.Struct, frozen=True):
    """One metric of the collector: `unit` is OpenMetrics' (the name ends with it), "" for plain counts and states."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""


_FLEET = (
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
        "haidang_agent_orders_info",
        GAUGE,
        "Always 1; the labels tell which orders the agent runs, and which it refused.",
        (*TARGET, "tag", "refused"),
    ),
    Own("haidang_agent_orders_current", GAUGE, "1 while the agent runs the orders that the inventory has for it.", TARGET),
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

_WINDOW = (*SUBJECT, "view", "window")
_LEDGER = (
    Own(
        "haidang_target_seconds_total",
        COUNTER,
        "Time in each state since the subject was first in service; never falls, see haidang_target_restated_seconds_total.",
        (*SUBJECT, "view", "state"),
        "seconds",
    ),
    Own(
        "haidang_target_restated_seconds_total",
        COUNTER,
        "Time counted as one state that late evidence or a person turned into another: subtract it there, add it here.",
        (*SUBJECT, "view", "from", "to"),
        "seconds",
    ),
    Own("haidang_target_flapping", GAUGE, "1 while the subject changes between down and not down too often.", SUBJECT),
    Own("haidang_target_in_maintenance", GAUGE, "1 while a maintenance window counts for the subject.", (*SUBJECT, "view")),
    Own(
        "haidang_group_state",
        GAUGE,
        "1 for the state that a group or site is in now, 0 for the others.",
        (*SUBJECT, "view", "state"),
    ),
    Own("haidang_objective_ratio", GAUGE, "Availability that is aimed at.", SUBJECT, "ratio"),
    Own(
        "haidang_availability_ratio",
        GAUGE,
        "Availability of the day, week, month, quarter or year to date, never above the truth; absent while nothing counts.",
        _WINDOW,
        "ratio",
    ),
    Own("haidang_availability_ratio_low", GAUGE, "The same if all unknown time was bad.", _WINDOW),
    Own("haidang_availability_ratio_high", GAUGE, "The same if all unknown time was good.", _WINDOW),
    Own(
        "haidang_availability_verdict",
        GAUGE,
        "1 for the verdict against the objective so far (MET, BREACHED, NOT_PROVEN or NO_DATA); other verdicts have no line.",
        (*_WINDOW, "verdict"),
    ),
    Own(
        "haidang_availability_coverage_ratio",
        GAUGE,
        "Share of the agreed time outside maintenance of which something is known.",
        _WINDOW,
        "ratio",
    ),
    Own(
        "haidang_error_budget_seconds",
        GAUGE,
        "Bad time that is left in the whole window; negative when overspent.",
        _WINDOW,
        "seconds",
    ),
    Own(
        "haidang_error_budget_total_seconds",
        GAUGE,
        "Bad time that the objective allows in the whole window.",
        _WINDOW,
        "seconds",
    ),
    Own(
        "haidang_error_budget_burn_rate",
        GAUGE,
        "How fast the budget is used, 1 uses it up exactly; windows 5m, 30m, 1h, 6h, 3d.",
        _WINDOW,
    ),
    Own("haidang_incidents", GAUGE, "Incidents with time that counts in the window; absent for weighted pools.", _WINDOW),
    Own("haidang_incidents_started", GAUGE, "Incidents that began in the window: these add up over windows.", _WINDOW),
    Own("haidang_ledger_subjects", GAUGE, "Targets, agents, groups and sites that the ledger has a page for."),
    Own("haidang_ledger_behind_subjects", GAUGE, "Subjects with late evidence that is still to be judged."),
    Own("haidang_ledger_mended_total", COUNTER, "Closed days of subjects that were judged anew and came out differently."),
    Own("haidang_ledger_issue_failures_total", COUNTER, "Reports that could not be sealed or restated; they are tried again."),
    Own(
        "haidang_ledger_closed_timestamp_seconds",
        GAUGE,
        "Unix time until which every subject's days are closed; it moves on once a day.",
        (),
        "seconds",
    ),
)
_POLLING = (
    Own(
        "haidang_snmp_devices",
        GAUGE,
        "Devices that the collector polls by their last verdict; waiting: none yet.",
        ("outcome",),
    ),
    Own("haidang_snmp_polls_total", COUNTER, "Verdicts of polls by outcome: ok, degraded, failed or error.", ("outcome",)),
    Own("haidang_snmp_late_polls_total", COUNTER, "Polls that began more than a second after their time."),
    Own("haidang_snmp_missed_polls_total", COUNTER, "Polls that were left out because the one before still ran."),
    Own(
        "haidang_snmp_slow_device_missed_polls",
        GAUGE,
        "The same by device, for the last 20 devices that it happened to.",
        ("instance",),
    ),
    Own("haidang_snmp_in_flight_polls", GAUGE, "Polls that run now."),
    Own("haidang_snmp_waiting_polls", GAUGE, "Polls that are due and wait for others to end."),
    Own("haidang_snmp_poll_seconds", HISTOGRAM, "Time from the beginning of a poll to its verdict.", (), "seconds"),
    Own("haidang_snmp_walk_seconds", HISTOGRAM, "Time until everything that a full poll asks was read.", (), "seconds"),
    Own("haidang_snmp_requests_total", COUNTER, "Requests sent, every try of one counted."),
    Own("haidang_snmp_request_timeouts_total", COUNTER, "Tries that got no answer in their time."),
    Own(
        "haidang_snmp_datagrams_total",
        COUNTER,
        "Datagrams received (kind received), and those of them that were late, duplicate, unmatched, malformed, from a wrong "
        "source, with a wrong community, not authentic, or reports of SNMPv3.",
        ("kind",),
    ),
    Own("haidang_snmp_sent_bytes_total", COUNTER, "Bytes of requests.", (), "bytes"),
    Own("haidang_snmp_received_bytes_total", COUNTER, "Bytes of datagrams received.", (), "bytes"),
    Own(
        "haidang_snmp_dropped_results_total",
        COUNTER,
        "Results of polls that were not stored: overtaken by newer ones while the store was busy, or refused by it.",
        ("reason",),
    ),
    Own("haidang_traps_total", COUNTER, "Datagrams at the addresses of traps by what became of them.", ("outcome",)),
    Own("haidang_trap_notifications_total", COUNTER, "Traps and informs that were taken, by name.", ("notification",)),
    Own("haidang_trap_polls_total", COUNTER, "Polls that traps caused."),
    Own("haidang_trap_queue_messages", GAUGE, "Traps that wait to be decoded."),
    Own("haidang_trap_unknown_senders", GAUGE, "Senders that are remembered because they are not heard."),
    Own("haidang_trap_learnt_engines", GAUGE, "SNMPv3 engines that were learnt from authenticated traps."),
)
_PROBING = (
    Own("haidang_probe_jobs", GAUGE, "Probes that the collector runs."),
    Own(
        "haidang_probe_runs_total",
        COUNTER,
        "Runs of probes by kind and outcome: ok, degraded, failed or error (could not test).",
        ("kind", "outcome"),
    ),
    Own("haidang_probe_late_runs_total", COUNTER, "Runs that began more than a second after their time."),
    Own(
        "haidang_probe_missed_runs_total",
        COUNTER,
        "Runs that were left out because the one before still ran, or the collector stood still.",
    ),
    Own(
        "haidang_probe_slow_missed_runs",
        GAUGE,
        "The same by probe, for the last 20 probes that it happened to.",
        ("instance", "module"),
    ),
    Own(
        "haidang_probe_shed_total",
        COUNTER,
        "Runs that were left out because there was too much to do, by priority: low, normal or critical.",
        ("priority",),
    ),
    Own("haidang_probe_in_flight_runs", GAUGE, "Runs that go on now."),
    Own("haidang_probe_waiting_runs", GAUGE, "Runs that are due and wait for others to end."),
    Own(
        "haidang_probe_start_delay_seconds",
        HISTOGRAM,
        "How long after it was due a run began.",
        (),
        "seconds",
    ),
    Own(
        "haidang_probe_dropped_results_total",
        COUNTER,
        "Results of probes that were not stored: overtaken by newer ones while the store was busy, or refused by it.",
        ("reason",),
    ),
)
_SIGHT = (
    Own("haidang_sight_up", GAUGE, "Whether a reference of the way out answers, so that it can be judged.", ("uplink",)),
    Own("haidang_sight_lost_seconds_total", COUNTER, "Time in which no reference of it answered.", ("uplink",), "seconds"),
    Own("haidang_sight_discarded_total", COUNTER, "Failed results that accused nobody for want of sight.", ("uplink",)),
)
_PAGING = (
    Own("haidang_open_incidents", GAUGE, "Incidents that people handle, by state and severity.", ("state", "severity")),
    Own(
        "haidang_alerts",
        GAUGE,
        "Open alerts by kind and by what holds their page back; `paged` where people were told.",
        ("kind", "held"),
    ),
    Own("haidang_silences", GAUGE, "Silences by state: pending or active.", ("state",)),
    Own("haidang_outbox_rows", GAUGE, "Notifications in the outbox: pending, or dead and not dealt with.", ("state",)),
    Own("haidang_outbox_oldest_seconds", GAUGE, "Age of the oldest notification that is not delivered.", (), "seconds"),
    Own("haidang_outbox_errors_total", COUNTER, "Times that the outbox could not be read or written."),
    Own(
        "haidang_notifications_total",
        COUNTER,
        "Attempts to deliver by kind of receiver and outcome: sent, or the class of the failure.",
        ("kind", "outcome"),
    ),
    Own("haidang_notifications_in_flight", GAUGE, "Attempts to deliver that go on now."),
    Own("haidang_notifications_dead_total", COUNTER, "Notifications that were given up."),
    Own("haidang_notifications_fallback_total", COUNTER, "Notifications with which a second channel was asked."),
    Own(
        "haidang_notifications_remarks_total",
        COUNTER,
        "Deliveries that were not as ordered: a template failed and the default text was sent.",
    ),
    Own("haidang_notification_seconds", HISTOGRAM, "Duration of an attempt to deliver.", (), "seconds"),
    Own(
        "haidang_notification_wait_seconds",
        HISTOGRAM,
        "Time from the writing of a notification until its receiver confirmed it.",
        (),
        "seconds",
    ),
    Own("haidang_pager_seconds", HISTOGRAM, "Duration of a decision about pages, without writing it.", (), "seconds"),
    Own("haidang_pager_write_failures_total", COUNTER, "Decisions about pages that could not be written; they are made again."),
    Own(
        "haidang_heartbeats_total",
        COUNTER,
        "Beats of dead man's switches by outcome: sent, failed, or withheld because something is not well.",
        ("outcome",),
    ),
    Own(
        "haidang_collector_trouble",
        GAUGE,
        "1 for each trouble of the collector itself that lasts, by how grave it is, else 0.",
        ("trouble", "severity"),
    ),
    Own(
        "haidang_direct_pages_total",
        COUNTER,
        "Attempts to tell trouble of the collector while no page could be written, by what came of them.",
        ("verdict",),
    ),
)
_TABLE = (*_FLEET, *_POLLING, *_PROBING, *_SIGHT, *_PAGING, *_LEDGER)

NAMES: dict[str, Own] = {own.name: own for own in _TABLE}
"""Every metric of the collector by name."""
_PARTS = {name + part for name, own in NAMES.items() if own.type == HISTOGRAM for part in ("_bucket", "_count", "_sum")}
RESERVED = frozenset((NAMES.keys() | _PARTS) - {family.name for family in OBSERVING})
"""Names that no agent's series may have: those of the table, and those under which its histograms are written; but not those
by which an agent that observes others says the same of itself."""


def heading(own: Own, openmetrics: bool) -> bytes:
    """HELP, TYPE and, in OpenMetrics, UNIT."""
    if not openmetrics:
        return f"# HELP {own.name} {own.help}\n# TYPE {own.name} {own.type}\n".encode()
    name = own.name.removesuffix("_total") if own.type == COUNTER else own.name
    unit = f"# UNIT {name} {own.unit}\n" if own.unit else ""
    return f"# HELP {name} {own.help}\n# TYPE {name} {own.type}\n{unit}".encode()
