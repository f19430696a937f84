"""The signature of a webhook: HMAC-SHA-256 over the time stamp, a point and the body, so that neither can be changed and an old
message cannot be sent again later. Receivers check it as `config/webhook_receiver.py` does.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

VERSION: Final = "v1"


def sign(key: bytes, timestamp_s: int, body: bytes) -> str:
    """Value of `X-Haidang-Signature`: `v1=` and 64 hexadecimal digits."""
    return f"{VERSION}={hmac.new(key, b'%d.' % timestamp_s + body, hashlib.sha256).hexdigest()}"


def is_signed(key: bytes, timestamp_s: int, body: bytes, signature: str) -> bool:
    """Whether a signature is ours; takes equally long whatever is wrong."""
    return hmac.compare_digest(sign(key, timestamp_s, body).encode(), signature.encode())
