"""The Hải Đăng collector: receives, judges, remembers, tells."""
