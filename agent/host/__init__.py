"""Readers of the local host, one a file; names, labels and units are node_exporter's."""
