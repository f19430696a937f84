"""Takes Hải Đăng's webhooks: signed with our key, not old, each event once. HAIDANG_WEBHOOK_KEY=... python3 FILE PORT"""

import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY, SEEN = os.environ["HAIDANG_WEBHOOK_KEY"].encode(), set[str]()  # a real receiver keeps the ids it has seen on disk


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        stamp, event = self.headers.get("X-Haidang-Timestamp", ""), self.headers.get("X-Haidang-Event-Id", "")
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1 << 20))
        good = "v1=" + hmac.new(KEY, stamp.encode() + b"." + body, "sha256").hexdigest()
        if not hmac.compare_digest(good.encode(), self.headers.get("X-Haidang-Signature", "").encode()):
            self.send_response(403)  # not ours, or changed on its way
        elif abs(time.time() - int(stamp)) > 300:
            self.send_response(408)  # caught and sent again later, or one of the clocks is wrong: it may try again
        else:
            if event not in SEEN:  # an attempt whose answer was lost comes again, with the same id
                self.log_message("NEW %s %s", event, json.loads(body)["haidang"]["subject"])
            SEEN.add(event)
            self.send_response(200)
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
