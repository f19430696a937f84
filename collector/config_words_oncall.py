"""Problems of the on-call file in Vietnamese: a part of the table of `collector.config_words`."""

from __future__ import annotations

from typing import Final

TEXT: Final[dict[str, str]] = {
    # forms
    "hours as 22:00-06:00, from 00:00 to 24:00": "giờ dạng 22:00-06:00, từ 00:00 đến 24:00",
    "a day and a time as mon 08:00, or a time as 08:00": "thứ và giờ dạng mon 08:00, hoặc giờ dạng 08:00",
    "a day and a time as mon 08:00": "thứ và giờ dạng mon 08:00",
    "a time as 08:00": "giờ dạng 08:00",
    "rota:NAME, person:NAME or receiver:NAME": "rota:TÊN, person:TÊN hoặc receiver:TÊN",
    "a length as 0m, 15m or 2h": "khoảng thời gian dạng 0m, 15m hoặc 2h",
    # names
    "the name of a receiver under `receivers`": "tên một nơi nhận trong `receivers`",
    "the name of a receiver under `receivers`, such as {}": "tên một nơi nhận trong `receivers`, ví dụ {}",
    "the name of a person under `people`": "tên một người trong `people`",
    "the name of a person under `people`, such as {}": "tên một người trong `people`, ví dụ {}",
    "the name of a rota under `rotas`": "tên một ca trực trong `rotas`",
    "the name of a rota under `rotas`, such as {}": "tên một ca trực trong `rotas`, ví dụ {}",
    "the name of an escalation under `escalations`": "tên một quy trình báo trong `escalations`",
    "the name of an escalation under `escalations`, such as {}": "tên một quy trình báo trong `escalations`, ví dụ {}",
    "the id of a site in this inventory, such as {}": "mã một địa điểm trong danh mục này, ví dụ {}",
    "the id of a group in this inventory": "mã một nhóm trong danh mục này",
    "the id of a group in this inventory, such as {}": "mã một nhóm trong danh mục này, ví dụ {}",
    "the id of a calendar in this inventory, such as {}": "mã một lịch trong danh mục này, ví dụ {}",
    "a name used once (first on line {})": "tên chỉ dùng một lần (lần đầu ở dòng {})",
    "each name once": "mỗi tên một lần",
    "the class of a target in this inventory; hosts of agents may follow": (
        "loại của một đối tượng trong danh mục này; máy của các tác tử có thể thêm sau"
    ),
    # receivers
    "no kind": "không có loại nào",
    "several kinds: {}": "nhiều loại: {}",
    "one of webhook, alertmanager, email and apprise": "đúng một trong webhook, alertmanager, email và apprise",
    "fallbacks that do not lead back": "các nơi nhận dự phòng không vòng trở lại",
    "no address": "không có địa chỉ",
    "several addresses": "nhiều địa chỉ",
    "one of url, url_file and url_env": "đúng một trong url, url_file và url_env",
    "one of url_file and url_env": "đúng một trong url_file và url_env",
    "another kind of text": "văn bản dạng khác",
    "http:// or https:// URL without a name or password": "URL http:// hoặc https:// không kèm tên hay mật khẩu",
    "two secrets": "hai bí mật",
    "either a file or a variable": "chỉ một tệp hoặc một biến",
    "somebody to send it to: this preset needs it": "nơi để gửi tới: mẫu này cần có",
    "a file or a variable with the token: this preset needs it": "tệp hoặc biến chứa token: mẫu này cần có",
    "true: whoever stands between can read and change messages": "true: kẻ đứng giữa đọc và sửa được tin",
    "a template that can be used": "một mẫu dùng được",
    "events that it gets": "các sự kiện mà nơi đó nhận",
    "resolved without firing": "có resolved mà không có firing",
    "both: whoever was not called does not miss the end": "cả hai: ai không được gọi thì không cần tin kết thúc",
    "the address of every peer": "địa chỉ của mọi máy trong cụm",
    "addresses as an@example.vn": "các địa chỉ dạng an@example.vn",
    "an address as an@example.vn": "một địa chỉ dạng an@example.vn",
    "the name that the password belongs to": "tên đăng nhập của mật khẩu đó",
    "starttls or tls: a password must not travel in the open": "starttls hoặc tls: mật khẩu không được gửi dạng rõ",
    "a variable of the environment that is set": "một biến môi trường đã đặt",
    "a file with the secret: without it nothing is sent": "tệp chứa bí mật: thiếu tệp thì không gửi được gì",
    "a file with the secret": "tệp chứa bí mật",
    "mode {}": "quyền {}",
    "a file that its owner alone can read (chmod 0600)": "tệp chỉ chủ sở hữu đọc được (chmod 0600)",
    # people and rotas
    "at least one receiver": "ít nhất một nơi nhận",
    "at least one person": "ít nhất một người",
    "at least one hand-over": "ít nhất một lần giao ca",
    "hand-overs less than two hours apart": "các lần giao ca cách nhau chưa tới hai giờ",
    "two hours or more between hand-overs": "hai lần giao ca cách nhau từ hai giờ",
    "a start on {} ({})": "bắt đầu ngày {} ({})",
    "a day of a hand-over ({})": "một ngày có giao ca ({})",
    "a date as 2026-09-02, or the id of a list under `holidays`": "ngày dạng 2026-09-02, hoặc mã một mục trong `holidays`",
    "another person than the one who steps in": "người khác với người trực thay",
    "a swap among {}": "đổi ca giữa {} người",
    "two people": "hai người",
    "a moment after `from`": "thời điểm sau `from`",
    "at most 400 days after `from`": "tối đa 400 ngày sau `from`",
    "two overrides at once": "hai lần trực thay cùng lúc",
    "two swaps at once": "hai lần đổi ca cùng lúc",
    "one at a time (see line {})": "mỗi lúc một lần (xem dòng {})",
    "nobody from {} until {}": "không có ai từ {} đến {}",
    "somebody on call at every hour": "giờ nào cũng có người trực",
    "nobody to replace from {} until {}": "không có ai để thay từ {} đến {}",
    "a person who is on call then": "một người đang trực lúc đó",
    "turns of one alone from {} until {}": "chỉ một người có lượt từ {} đến {}",
    "a turn of both people in that time": "trong thời gian đó cả hai người đều có lượt",
    "somebody who is reached at every hour, or the emergency receivers are": (
        "giờ nào cũng có người nhận, nếu không sẽ báo cho `emergency`"
    ),
    # escalations and routes
    "at least one step": "ít nhất một bước",
    "a step after {} behind one after {}": "bước sau {} đứng sau bước sau {}",
    "a step that can be reached: later than those before it": "một bước tới được: muộn hơn các bước trước nó",
    "no route that takes everything": "không có tuyến nào nhận mọi thứ",
    "a last route without `match`: what no route takes, nobody is told": (
        "tuyến cuối không có `match`: cái gì không tuyến nào nhận thì không ai được báo"
    ),
    "what the route {} takes before it": "những gì tuyến {} đã nhận trước",
    "a route that can be reached": "một tuyến tới được",
    "hours that never come": "giờ không bao giờ đến",
    "hours that come": "giờ có đến",
    "quiet at every hour": "yên tĩnh mọi giờ",
    "at least one of hours, days, calendar and outside": "ít nhất một trong hours, days, calendar và outside",
    "warning and info: nobody is woken by what is critical in these hours": (
        "warning và info: trong giờ này sự cố nghiêm trọng không đánh thức ai"
    ),
    "quiet hours without a digest": "giờ yên tĩnh mà không có bản tổng hợp",
    "a digest: what is over by then is told to nobody": "một bản tổng hợp: cái gì hết trước lúc đó thì không ai được báo",
    # inhibition and the rest
    "at most {}m: pages wait for it": "tối đa {}m: tin báo phải chờ",
    "at least one label": "ít nhất một nhãn",
    "no `equal` labels": "không có nhãn `equal`",
    "a label such as site: one alert mutes those of the whole province": (
        "một nhãn như site: nếu không, một cảnh báo tắt cảnh báo của cả tỉnh"
    ),
    "no `emergency` receivers": "không có nơi nhận `emergency`",
    "receivers of what the collector cannot write down": "nơi nhận những gì bộ thu thập không ghi lại được",
    "no routes": "không có tuyến nào",
    "at least one route: nobody is told of anything": "ít nhất một tuyến: không ai được báo gì",
    "nothing that names it": "không nơi nào nêu tên",
    "a receiver that something names": "một nơi nhận được nêu ở đâu đó",
    "a person whom a rota or a step names": "một người có trong ca trực hoặc một bước",
    "a rota that a step names": "một ca trực được nêu trong một bước",
    "an escalation that a route names": "một quy trình báo được nêu trong một tuyến",
}
