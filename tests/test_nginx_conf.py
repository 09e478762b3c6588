"""A fresh Debian's nginx takes deploy/nginx.conf as it is shipped, and with the lines for a certificate in use."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import nginx, servers
from tests.support.servers import ROOT

SHIPPED = ROOT / "deploy" / "nginx.conf"
DEBIAN = Path("/etc/nginx/nginx.conf")
# The surroundings of conf.d in Debian's nginx.conf, for machines with another nginx.
OTHER = "events {} http { sendfile on; tcp_nopush on; gzip on; include /etc/nginx/conf.d/*.conf; }"


@pytest.fixture
def checked(tmp_path):
    """The output of `nginx -t` with this text as the file in conf.d."""
    if shutil.which(nginx.program()) is None:
        pytest.skip("nginx not installed; run scripts/install-debian-packages")

    def check(shipped: str) -> subprocess.CompletedProcess:
        (tmp_path / "commentsvc.conf").write_text(shipped)
        main = DEBIAN.read_text() if DEBIAN.exists() else OTHER
        main = main.replace("/etc/nginx/conf.d/*.conf", str(tmp_path / "commentsvc.conf"))
        main = re.sub(r"(?m)^\s*(pid|user|error_log|access_log)\s.*;", "", main)
        main = re.sub(r"(?m)^\s*include /etc/nginx/sites-enabled/.*;", "", main)
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
            main = main.replace("http {", f"http {{ {kind}_temp_path {tmp_path}/{kind};", 1)
        own = f"pid {tmp_path}/pid; error_log {tmp_path}/error.log;\n"
        (tmp_path / "nginx.conf").write_text(own + main.replace("http {", "http { access_log off;", 1))
        command = [nginx.program(), "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
        return subprocess.run(command, capture_output=True, text=True)

    return check


def placed(shipped: str, folder: Path) -> str:
    """The file as it is shipped; its cache and its port are where a test that is not root may have them."""
    [cache] = re.findall(r"^proxy_cache_path (\S+) ", shipped, re.MULTILINE)
    assert Path(cache).parent == Path("/var/cache"), "nginx makes one folder, not those above it"
    shipped = re.sub(r"access_log /var/log/nginx/\S+", f"access_log {folder}/access.log", shipped)
    return shipped.replace(cache, str(folder / "cache")).replace(
        "listen 80;", f"listen 127.0.0.1:{servers.free_port()};"
    )


def test_the_file_is_taken_as_it_is_shipped(checked, tmp_path):
    done = checked(placed(SHIPPED.read_text(), tmp_path))
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_the_lines_for_a_certificate_are_taken_as_they_are_written(checked, tmp_path):
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    subject = ["-subj", "/CN=comments.example", "-days", "1"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        key,
        "-out",
        certificate,
        *subject,
    ]
    subprocess.run(command, check=True, capture_output=True)
    shipped = placed(SHIPPED.read_text(), tmp_path)
    shipped = re.sub(r"(?m)^( *)# (\}|(?:listen|ssl_|server|return|  ).*[;{}])$", r"\1\2", shipped)
    assert shipped.count("ssl_certificate") == 2 and "return 301" in shipped
    assert re.findall(r"ssl_protocols (.+);", shipped) == ["TLSv1.2 TLSv1.3"]
    shipped = re.sub(r"listen 127\.0\.0\.1:\d+;", "", shipped, count=1)
    shipped = shipped.replace("/etc/letsencrypt/live/comments.example", str(tmp_path))
    shipped = re.sub(r"listen \S*443 (ssl);", lambda m: f"listen 127.0.0.1:{servers.free_port()} {m[1]};", shipped)
    done = checked(shipped.replace("    listen [::]:80;\n", ""))
    assert done.returncode == 0 and not done.stderr, done.stderr
