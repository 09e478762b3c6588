"""Runs nginx with the shipped deploy/nginx.conf, with only ports and folders replaced."""

from __future__ import annotations

import os


def program() -> str:
    return "/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx"
