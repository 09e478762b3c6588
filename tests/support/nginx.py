"""Runs nginx with the shipped deploy/nginx.conf, with only ports and folders replaced."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from tests.support import servers

WRAPPING = """
daemon off;
worker_processes 1;
pid {folder}/front.pid;
error_log {folder}/front-error.log;
events {{ worker_connections 1024; multi_accept on; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/front-body; proxy_temp_path {folder}/front-proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/commentsvc.conf;
}}
"""
IN_MEMORY = "/dev/shm"


def nginx_conf(folder: Path, port: int, backends: list[int], pages_dir: Path) -> Path:
    """The documented file itself, with only its ports and its folders put in place."""
    source = (servers.ROOT / "deploy" / "nginx.conf").read_text()
    listed = "\n".join(f"server 127.0.0.1:{backend} max_fails=1 fail_timeout=1s;" for backend in backends)
    source = re.sub(r"    server 127\.0\.0\.1:8000.*\n", lambda _: listed + "\n", source)
    source = source.replace("listen 80;", f"listen 127.0.0.1:{port};")
    source = source.replace("/var/cache/commentsvc", str(folder / "cache"))
    source = re.sub(r"access_log /var/log/nginx/.*;", "access_log off;", source)
    source = source.replace("/run/commentsvc;", f"{pages_dir};")
    (folder / "commentsvc.conf").write_text(source)
    path = folder / "front.conf"
    path.write_text(WRAPPING.format(folder=folder))
    return path


@contextlib.contextmanager
def running_nginx(
    folder: Path, backends: list[int], cores: str | None = "0", port: int = 0, pages_dir: Path = Path("/nowhere")
):
    port = port or servers.free_port()
    command = [program(), "-p", str(folder), "-c", str(nginx_conf(folder, port, backends, pages_dir))]
    with servers.running(command, f"http://127.0.0.1:{port}/healthz", folder / "log", cores) as server:
        yield server


def program() -> str:
    return "/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx"
