"""Exposition, service discovery, JSON API."""
