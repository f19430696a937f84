"""How to speak to a device: protocol version and credentials, known by a name. Secrets never print."""

from __future__ import annotations

import enum

import msgspec

from agent.settings import Secret

NO_SECRET = Secret("")


class Version(enum.IntEnum):
    """SNMP versions as `snmp.yml` numbers them."""

    V1 = 1
    V2C = 2
    V3 = 3


class AuthProtocol(enum.StrEnum):
    """USM authentication (RFC 3414: MD5, SHA; RFC 7860: SHA-2), spelled as in `snmp.yml`; empty for none."""

    NONE = ""
    MD5 = "MD5"
    SHA = "SHA"
    SHA224 = "SHA224"
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class PrivProtocol(enum.StrEnum):
    """USM privacy (RFC 3414: DES; RFC 3826: AES; AES192/256 with Blumenthal's key extension, the C variants with Reeder's),
    spelled as in `snmp.yml`; empty for none."""

    NONE = ""
    DES = "DES"
    AES = "AES"
    AES192 = "AES192"
    AES192C = "AES192C"
    AES256 = "AES256"
    AES256C = "AES256C"


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `auths`. v1 and v2c use `community`; v3 uses the rest, and the security level follows from the protocols."""

    name: str
    version: Version = Version.V2C
    community: Secret = NO_SECRET
    username: str = ""
    auth_protocol: AuthProtocol = AuthProtocol.NONE
    password: Secret = NO_SECRET
    priv_protocol: PrivProtocol = PrivProtocol.NONE
    priv_password: Secret = NO_SECRET
    context_name: str = ""
