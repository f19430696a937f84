"""Files of modules as blackbox_exporter has them (`blackbox.yml`), with our kinds and thresholds beside them.

A kind's `Settings` mark what a file writes in its own way by the types of `agent.probes.shapes`: `Duration` (seconds in the
settings, `5s` in the file), `ByteSize`, `GoRegex`, `Secret`. Of any text field X, `X_file: PATH` and `X_env: NAME` are read
here, so that the settings know only X.
"""
