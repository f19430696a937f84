"""The page at `/`: what there is to open, in Vietnamese and English."""

from __future__ import annotations

from html import escape

_LINKS = (
    ("/api/v1/targets", "Trạng thái các đối tượng (JSON)", "States of the targets (JSON)"),
    ("/api/v1/availability", "Độ sẵn sàng của các đối tượng trong tháng này (JSON)", "Availability of this month (JSON)"),
    ("/api/v1/subjects", "Đối tượng, tác tử, nhóm và địa điểm (JSON)", "Targets, agents, groups and sites (JSON)"),
    ("/metrics", "Số đo của bộ thu thập và trạng thái chung", "The collector and the state of the fleet"),
    ("/metrics/targets", "Mọi số đo mà các đối tượng đã báo cáo", "Everything the targets reported"),
    ("/sd", "Danh sách đối tượng cho Prometheus (HTTP SD)", "Targets for Prometheus (HTTP SD)"),
    ("/-/ready", "Sẵn sàng", "Ready"),
    ("/-/healthy", "Còn chạy", "Healthy"),
)

_STYLE = "body{font:16px/1.5 sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}"


def home_page(version: str) -> str:
    """The page as HTML."""
    rows = "".join(
        f'<tr><td><a href="{path}">{path}</a></td><td lang="vi">{vi}</td><td lang="en">{en}</td></tr>'
        for path, vi, en in _LINKS
    )
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Hải Đăng</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>Hải Đăng {escape(version)}</h1>"
        f"<table>{rows}</table></body></html>\n"
    )
