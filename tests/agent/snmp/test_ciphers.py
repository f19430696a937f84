"""The ciphers of SNMPv3: known answers, and what is said where their package is missing."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

import pytest

from agent.snmp.auth import PrivProtocol
from agent.snmp.ciphers import cipher_of
from agent.snmp.errors import Fault, SnmpError


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """No cipher is kept from one test to the next."""
    cipher_of.cache_clear()
    yield
    cipher_of.cache_clear()


def test_aes_is_the_one_of_nist() -> None:
    """NIST SP 800-38A F.3.13 and F.3.17: AES-128 and AES-256 in CFB128, first two blocks; no warning of the package escapes."""
    iv = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    short = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    long = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aes = cipher_of(PrivProtocol.AES)
        assert aes.encrypt(short, iv, plain).hex() == "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"
        found = cipher_of(PrivProtocol.AES256).encrypt(long, iv, plain)
    assert found.hex() == "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
    assert aes.decrypt(short, iv, aes.encrypt(short, iv, plain[:21])) == plain[:21]


def test_des_is_des() -> None:
    """The block of FIPS 81's example (`Now is t`), which three times one key must give."""
    des = cipher_of(PrivProtocol.DES)
    key, iv = bytes.fromhex("0123456789abcdef"), bytes.fromhex("1234567890abcdef")
    plain = b"Now is the time for all "
    assert des.encrypt(key, iv, plain).hex() == "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"
    assert des.decrypt(key, iv, des.encrypt(key, iv, plain)) == plain
    with pytest.raises(ValueError, match="block"):
        des.decrypt(key, iv, b"odd")


@pytest.mark.parametrize("protocol", [PrivProtocol.DES, PrivProtocol.AES])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, protocol: PrivProtocol) -> None:
    """Encryption without `cryptography` says what to install."""
    for name in [each for each in sys.modules if each.split(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(SnmpError, match=r"pip install 'haidang\[snmp\]'") as caught:
        cipher_of(protocol)
    assert caught.value.fault is Fault.NOT_SUPPORTED
