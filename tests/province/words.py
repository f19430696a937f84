"""What the simulation says, in Vietnamese and English."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, dict[str, str]]] = {
    "vi": {
        "mark": "MÔ PHỎNG",
        "banner": "ĐÂY LÀ MÔ PHỎNG: mọi thiết bị, dịch vụ, tác nhân và sự cố dưới đây "
        "đều là giả lập trên máy này (127.0.0.0/8).\n"
        "Bộ thu thập (collector) là chương trình thật. Không có số liệu nào của tỉnh.",
        "making": "Tạo bản sao của kho mục tiêu trong {folder} ...",
        "world": "{targets} mục tiêu, {sites} địa điểm, {agents} tác nhân, {devices} thiết bị SNMP, "
        "{doors} cổng dịch vụ, {jobs} phép thử",
        "starting": "Khởi động bộ thu thập và các máy giả lập ...",
        "enrolled": "Đã ghi danh {agents} tác nhân bằng mã dùng một lần",
        "open": "Mở http://127.0.0.1:{port}/api/v1/targets hoặc http://127.0.0.1:{port}/metrics; Ctrl-C để dừng tất cả.",
        "known": "{known} trên {all} mục tiêu đã có trạng thái: {states}",
        "missing": "chưa có trạng thái: {ids}",
        "use": "{name}: CPU {cpu:.0%} của một nhân, bộ nhớ (PSS) {pss:.0f} MiB",
        "simulators": "các máy giả lập",
        "collector": "bộ thu thập",
        "agents_wrong": "tác nhân có vấn đề: {text}",
        "line_begin": "đường truyền {target} bị đứt: trung tâm không tới được {count} mục tiêu phía sau",
        "line_end": "đường truyền {target} thông trở lại",
        "ups_begin": "{target} mất điện lưới, chạy bằng ắc quy",
        "ups_end": "{target} có điện lưới trở lại",
        "room_begin": "phòng họp {target} mất đăng ký với tổng đài",
        "room_end": "phòng họp {target} đăng ký lại",
        "page_begin": "chứng thư của {target} còn {days} ngày là hết hạn",
        "page_end": "chứng thư của {target} đã được thay",
        "host_begin": "đĩa của {target} đầy 97%",
        "host_end": "đĩa của {target} đã được dọn",
        "page": "TIN BÁO tới {to}: {subject}{link}",
        "sees": "bộ thu thập thấy: {target} {state} - {reason}",
        "nobody": "không có mục tiêu nào đóng vai này: {part}",
        "stopping": "đang dừng ...",
        "ended": "{name} đã dừng với mã {code}; xem {log}:\n{tail}",
        "not_ready": "bộ thu thập không trả lời sau {seconds} giây; xem {log}:\n{tail}",
        "snmpsim": "thiếu snmpsim; cài bằng: pip install 'haidang[dev]'",
        "refused": "kho mục tiêu không dùng được:\n{problems}",
        "taken": "không mở được cổng: {error}. Chọn BASE= hoặc PORT= khác.",
    },
    "en": {
        "mark": "SIMULATION",
        "banner": "THIS IS A SIMULATION: all devices, services, agents and troubles below "
        "are made up on this machine (127.0.0.0/8).\n"
        "The collector is the real program. Nothing here is a figure of the province.",
        "making": "Making a copy of the inventory in {folder} ...",
        "world": "{targets} targets, {sites} sites, {agents} agents, {devices} SNMP devices, "
        "{doors} doors of services, {jobs} probes",
        "starting": "Starting the collector and the simulators ...",
        "enrolled": "Enrolled {agents} agents by one-time codes",
        "open": "Open http://127.0.0.1:{port}/api/v1/targets or http://127.0.0.1:{port}/metrics; Ctrl-C stops everything.",
        "known": "{known} of {all} targets have a state: {states}",
        "missing": "without a state: {ids}",
        "use": "{name}: CPU {cpu:.0%} of a core, memory (PSS) {pss:.0f} MiB",
        "simulators": "the simulators",
        "collector": "the collector",
        "agents_wrong": "agents in trouble: {text}",
        "line_begin": "the line {target} is cut: the centre does not reach {count} targets behind it",
        "line_end": "the line {target} is whole again",
        "ups_begin": "{target} lost the mains and runs on its battery",
        "ups_end": "{target} has the mains again",
        "room_begin": "the room {target} lost its registration",
        "room_end": "the room {target} is registered again",
        "page_begin": "the certificate of {target} expires in {days} days",
        "page_end": "the certificate of {target} was replaced",
        "host_begin": "the disk of {target} is full to 97%",
        "host_end": "the disk of {target} was cleared",
        "page": "PAGE to {to}: {subject}{link}",
        "sees": "the collector sees: {target} {state} - {reason}",
        "nobody": "no target plays this part: {part}",
        "stopping": "stopping ...",
        "ended": "{name} ended with code {code}; see {log}:\n{tail}",
        "not_ready": "the collector does not answer after {seconds} s; see {log}:\n{tail}",
        "snmpsim": "snmpsim is missing; install it with: pip install 'haidang[dev]'",
        "refused": "the inventory cannot be used:\n{problems}",
        "taken": "a port cannot be opened: {error}. Choose another BASE= or PORT=.",
    },
}
