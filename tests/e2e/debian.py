"""Debian's own programs for the tests that need a real peer: where each is, and how it is fetched. The one place for both.

A program is taken from PATH, else from the cache folder. `python tests/e2e/debian.py` fills the cache: packages are
downloaded and unpacked there, not installed, so that no service starts and nothing else on the machine changes.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "prometheus-pushgateway": "prometheus-pushgateway",
    "victoria-metrics": "victoria-metrics",
    "vmagent": "victoria-metrics",
    "prometheus-snmp-exporter": "prometheus-snmp-exporter",
    "snmpd": "snmpd",
    "snmpget": "snmp",
    "snmpgetnext": "snmp",
    "snmpbulkget": "snmp",
    "snmpwalk": "snmp",
    "snmpbulkwalk": "snmp",
    "snmpset": "snmp",
    "snmptrap": "snmp",
    "snmpinform": "snmp",
    "sipp": "sip-tester",
    "kamailio": "kamailio",
    "tshark": "tshark",
    "unbound": "unbound",
    "chronyd": "chrony",
    "check_load": "monitoring-plugins-basic",
    "check_disk": "monitoring-plugins-basic",
    "dovecot": "dovecot-core",
    "imap": "dovecot-imapd",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "fping": "fping",
    "ip": "iproute2",
}
"""Program -> the Debian package that brings it; beside `LIBRARIES` the programs need only libc6 and libzstd1."""

LIBRARIES = {
    "libnetsnmp.so.40": "libsnmp40",
    "libpci.so.3": "libpci3",
    "libperl.so.5.36": "libperl5.36",
    "libsensors.so.5": "libsensors5",
    "libwrap.so.0": "libwrap0",
    "libnsl.so.2": "libnsl2",
    "libtirpc.so.3": "libtirpc3",
    "libpcre.so.3": "libpcre3",
    "libreadline.so.8": "libreadline8",
    "libgsl.so.27": "libgsl27",
    "libgslcblas.so.0": "libgslcblas0",
    "libpcap.so.0.8": "libpcap0.8",
    "libevent-2.1.so.7": "libevent-2.1-7",
    "libnghttp2.so.14": "libnghttp2-14",
    "libprotobuf-c.so.1": "libprotobuf-c1",
    "libpython3.11.so.1.0": "libpython3.11",
    "libexpat.so.1": "libexpat1",
    "libedit.so.2": "libedit2",
    "libbsd.so.0": "libbsd0",
    "libmd.so.0": "libmd0",
    "libsctp.so.1": "libsctp1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libncursesw.so.6": "libncursesw6",
    "libwireshark.so.16": "libwireshark16",
    "libwiretap.so.13": "libwiretap13",
    "libwsutil.so.14": "libwsutil14",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libcares.so.2": "libc-ares2",
    "liblua5.2.so.0": "liblua5.2-0",
    "libsmi.so.2": "libsmi2ldbl",
    "libsnappy.so.1": "libsnappy1v5",
    "libbrotlidec.so.1": "libbrotli1",
    "libxml2.so.2": "libxml2",
    "libicuuc.so.72": "libicu72",
    "libk5crypto.so.3": "libk5crypto3",
    "libkrb5support.so.0": "libkrb5support0",
    "libkeyutils.so.1": "libkeyutils1",
    "liblua5.4.so.0": "liblua5.4-0",
    "libexttextcat-2.0.so.0": "libexttextcat-2.0-0",
    "libstemmer.so.0d": "libstemmer0d",
    "libsodium.so.23": "libsodium23",
    "libunwind.so.8": "libunwind8",
    "libapparmor.so.1": "libapparmor1",
    "libbpf.so.1": "libbpf1",
    "libelf.so.1": "libelf1",
    "libmnl.so.0": "libmnl0",
}
"""Libraries of the SNMP programs and their packages, unpacked where the machine does not have them."""

LIBRARY_FOLDERS = ("usr/lib", "lib")
"""Where packages of Debian 12 have their libraries: some still keep to the old place."""

POSTGRESQL = Path("/usr/lib/postgresql/15/bin")
"""PostgreSQL is installed rather than unpacked: its programs look for their libraries and data at this fixed place."""

PANGO = ("libpangoft2-1.0.so.0", "libpangoft2-1.0-0")
"""The library that draws the text of PDF reports, and its package, which brings those that it needs itself."""

SKIP = "debian:"
"""Start of the reason of every skip for want of a Debian package; with CI=true such a skip is a failure (tests/conftest.py)."""


def cache() -> Path:
    """The folder of the unpacked packages: `HAIDANG_DEBIAN`, else `.cache/debian` of the checkout."""
    return Path(os.environ.get("HAIDANG_DEBIAN") or Path(__file__).parents[2] / ".cache" / "debian")


def find(program: str) -> Path | None:
    """Where `program` is, or None; `KeyError` for a program that no package in `PACKAGES` brings."""
    for folder in ("bin", "sbin", "lib/nagios/plugins", "lib/dovecot"):
        for above in ("usr", "."):
            unpacked = cache() / PACKAGES[program] / above / folder / program
            if unpacked.exists():
                return unpacked
    installed = shutil.which(program)
    return Path(installed) if installed else None


def binary(program: str) -> Path:
    """Path of `program` for a test, which is skipped when the machine does not have it (with CI=true: fails)."""
    path = find(program)
    if path is None:
        pytest.skip(f"{SKIP} {program} is missing; `make peers` as root fetches the package {PACKAGES[program]}")
    return path


def environment(folder: Path) -> dict[str, str]:
    """What an SNMP program needs beside the test's own environment: its unpacked libraries, and `folder` for settings and state
    in place of the machine's. No MIB is read: names are numbers."""
    roots = [cache() / package for package in sorted(set(LIBRARIES.values()))]
    unpacked = [path for root in roots for folder in LIBRARY_FOLDERS for path in (root / folder).glob("*")]
    path = os.pathsep.join(str(each) for each in unpacked if each.is_dir())
    state = folder / "persistent"
    places = {"SNMPCONFPATH": f"{folder}{os.pathsep}{state}", "SNMP_PERSISTENT_DIR": str(state)}
    return {"LD_LIBRARY_PATH": path, "MIBS": "", **places}


def postgresql() -> Path:
    """Folder of PostgreSQL 15's programs for a test, which is skipped without it (with CI=true: fails)."""
    if not (POSTGRESQL / "initdb").exists():
        pytest.skip(f"{SKIP} PostgreSQL is missing; `make peers` as root installs the package postgresql-15")
    return POSTGRESQL


def _run(*command: str, cwd: Path | None = None) -> bool:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, cwd=cwd, env=env, check=False, stdout=sys.stderr, timeout=600).returncode == 0


class Fetcher:
    """Downloads packages; refreshes apt's lists once, and only when a download failed without it."""

    def __init__(self) -> None:
        self.refreshed = False

    def apt(self, *arguments: str, cwd: Path | None = None) -> bool:
        """`apt-get` with `arguments`, tried a second time after `apt-get update`."""
        if _run("apt-get", "-q", *arguments, cwd=cwd):
            return True
        if self.refreshed:
            return False
        self.refreshed = True
        return _run("apt-get", "-q", "update") and _run("apt-get", "-q", *arguments, cwd=cwd)

    def unpack(self, package: str) -> bool:
        """Download `package` and unpack it into the cache; a half unpacked one is never seen there."""
        target = cache() / package
        work = target.with_name(f".{package}.{os.getpid()}")
        work.mkdir(parents=True)
        try:
            if not self.apt("download", "-o", "APT::Sandbox::User=root", package, cwd=work):
                return False
            [archive] = work.glob("*.deb")
            if not _run("dpkg-deb", "-x", str(archive), str(work / "root")):
                return False
            (work / "root").rename(target)
            return True
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def install_postgresql(self) -> bool:
        """Install PostgreSQL 15 without making or starting a database cluster."""
        settings = Path("/etc/postgresql-common/createcluster.conf")
        if not settings.exists():
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text("create_main_cluster = false\n")
        options = ("-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold")
        return self.apt("install", *options, "postgresql-15")


def has_pango() -> bool:
    """Whether WeasyPrint can load its library."""
    try:
        ctypes.CDLL(PANGO[0])
    except OSError:
        return False
    return True


def has_library(name: str) -> bool:
    """Whether the library `name` is unpacked in the cache, or the machine has it."""
    if any(any((cache() / LIBRARIES[name] / folder).glob(f"*/{name}")) for folder in LIBRARY_FOLDERS):
        return True
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def main() -> int:
    """Fetch everything that is missing; 0 when all is there, 1 (and the names) when something is not to be had."""
    if os.geteuid() != 0:
        print("not root: Debian packages are not fetched; tests that need a missing one are skipped", file=sys.stderr)
        return 0
    if not shutil.which("apt-get"):
        print("no apt-get here: tests that need a Debian package are skipped", file=sys.stderr)
        return 0
    fetcher = Fetcher()
    missing = [
        package
        for package in sorted(set(PACKAGES.values()))
        if not any(find(program) for program, owner in PACKAGES.items() if owner == package) and not fetcher.unpack(package)
    ]
    missing += [package for name, package in LIBRARIES.items() if not has_library(name) and not fetcher.unpack(package)]
    if not (POSTGRESQL / "initdb").exists() and not fetcher.install_postgresql():
        missing.append("postgresql-15")
    if not has_pango() and not fetcher.apt("install", "-y", "--no-install-recommends", PANGO[1]):
        missing.append(PANGO[1])
    if missing:
        print(f"not to be had from apt: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
