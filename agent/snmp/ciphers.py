"""The ciphers of SNMPv3: the agent's only door to `cryptography`, which is loaded when the first encrypted request is made."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any

from agent.packets.usm import Cipher
from agent.snmp.auth import PrivProtocol
from agent.snmp.errors import Fault, SnmpError

_HAZMAT = "cryptography.hazmat"


def _module(*names: str) -> ModuleType:
    """The first of these modules that exists: old ciphers moved within the package, and their old place warns."""
    for name in names:
        try:
            return importlib.import_module(f"{_HAZMAT}.{name}")
        except ModuleNotFoundError:
            continue
    raise SnmpError(
        Fault.NOT_SUPPORTED,
        "SNMPv3 privacy needs the package cryptography: pip install 'haidang[snmp]' (found no such package)",
    )


@functools.cache
def cipher_of(protocol: PrivProtocol) -> Cipher:
    """The cipher of a privacy protocol; `SnmpError` (`NOT_SUPPORTED`) says what to install where the package is missing."""
    _module("primitives.ciphers")
    return _Des() if protocol is PrivProtocol.DES else _Aes()


class _Modes:
    """A cipher of the package: algorithm and mode for a key and an initialisation vector."""

    def __init__(self) -> None:
        self._cipher: Any = _module("primitives.ciphers").Cipher

    def _make(self, key: bytes, iv: bytes) -> Any:
        raise NotImplementedError

    def encrypt(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """Ciphertext of `data`."""
        with_key = self._make(key, iv).encryptor()
        found: bytes = with_key.update(data) + with_key.finalize()
        return found

    def decrypt(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """Plaintext of `data`; `ValueError` for a length that the mode does not have."""
        with_key = self._make(key, iv).decryptor()
        found: bytes = with_key.update(data) + with_key.finalize()
        return found


class _Aes(_Modes):
    """AES in CFB mode with whole blocks (RFC 3826 section 3.1); the key's length says which AES."""

    def __init__(self) -> None:
        super().__init__()
        self._algorithm: Any = _module("primitives.ciphers.algorithms").AES
        self._mode: Any = _module("decrepit.ciphers.modes", "primitives.ciphers.modes").CFB

    def _make(self, key: bytes, iv: bytes) -> Any:
        return self._cipher(self._algorithm(key), self._mode(iv))


class _Des(_Modes):
    """DES in CBC mode (RFC 3414 section 8): triple DES with one key three times is DES."""

    def __init__(self) -> None:
        super().__init__()
        self._algorithm: Any = _module("decrepit.ciphers.algorithms", "primitives.ciphers.algorithms").TripleDES
        self._mode: Any = _module("primitives.ciphers.modes").CBC

    def _make(self, key: bytes, iv: bytes) -> Any:
        return self._cipher(self._algorithm(key * 3), self._mode(iv))
