"""The report of a period as files that people sign and programs read: CSV, JSON, HTML, PDF and XLSX (SPEC R12.2, 3.16, R17.5).

Nothing is computed here: the figures come from `core`, and each file shows the same ones.
"""
