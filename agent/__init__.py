"""The Hải Đăng agent: runs on a server or at a site, dials out, never imports the collector."""

__version__ = "0.1.0"
