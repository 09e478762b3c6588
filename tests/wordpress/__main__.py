"""Comments from WordPress and back: compares each comment of one WordPress with that of a second one.

A WordPress is filled (fill.php) and exported by its own export; `commentsvc import` and `commentsvc export` take that
file in and write it again; a second WordPress imports it, once as a person who may write any HTML and once as one who
may not. Exit status 1 for a difference that is not in comparison.py's list. Needs Debian's packages
(`scripts/install-debian-packages wordpress`). See docs/testing.md.
"""

import json
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from tests.support import servers
from tests.wordpress import comparison

HERE = Path(__file__).parent
FIRST, SECOND = "https://first.example", "https://second.example"
IMPORTERS = {"0": "who may not write any HTML", "1": "who may write any HTML"}


@contextmanager
def mariadb(folder):
    """A MariaDB server of this run; gives the path of its socket."""
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
    subprocess.run(
        [*install, "--auth-root-authentication-method=normal", "--user=root"], check=True, stdout=subprocess.DEVNULL
    )
    socket = folder / "mariadb.sock"
    options = ["--no-defaults", "--user=root", "--skip-networking", f"--datadir={folder}/data", f"--socket={socket}"]
    with (folder / "mariadb.log").open("w") as log:
        process = subprocess.Popen(["/usr/sbin/mariadbd", *options], stdout=log, stderr=log, start_new_session=True)
    try:
        ping = ["mariadb-admin", "--no-defaults", "-uroot", f"--socket={socket}", "--wait=30", "ping"]
        subprocess.run(ping, check=True, stdout=subprocess.DEVNULL)
        yield socket
    finally:
        servers.stop(process)


class WordPress:
    """An empty WordPress with a database of its own."""

    def __init__(self, socket, name, url, unfiltered="0", folder=Path("/usr/share/wordpress")):
        client = ["mariadb", "--no-defaults", "-uroot", f"--socket={socket}"]
        subprocess.run(
            [*client, "-e", f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4"], check=True
        )
        self.env = {
            "PATH": "/usr/bin:/bin",
            "WORDPRESS_SOCKET": str(socket),
            "WORDPRESS_DATABASE": name,
            "WORDPRESS_URL": url,
            "WORDPRESS_UNFILTERED": unfiltered,
            "WORDPRESS_FOLDER": str(folder),
        }

    def run(self, script, *arguments):
        """What a script of this folder prints."""
        done = subprocess.run(
            ["php", str(HERE / script), *map(str, arguments)], env=self.env, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode()

    def comments(self):
        return json.loads(self.run("comments.php"))


def trial(folder):
    """All steps; gives the differences that are not accepted."""
    env = servers.settings(folder, servers.free_port())

    def command(*words):
        status, output, errors = servers.command(env, *words)
        if status:
            raise SystemExit(f"commentsvc {' '.join(words)}: exit status {status}\n{output}{errors}")
        return output

    with mariadb(folder) as socket:
        first = WordPress(socket, "first", FIRST)
        print(f"{first.run('fill.php')} comments written into the first WordPress")
        (folder / "first.xml").write_text(first.run("export.php"))
        before = first.comments()

        command("db", "upgrade")
        command("site", "create", "blog", "--name", "Trial", "--origin", FIRST)
        zone = ("--timezone", "Asia/Tokyo")  # of the first WordPress
        report = json.loads(
            command("import", "wordpress", str(folder / "first.xml"), "--site", "blog", *zone, "--json")
        )
        print("our import:", json.dumps({name: report[name] for name in ("read", "added", "left_out", "mended")}))
        command("export", "--site", "blog", "--format", "wordpress", "--output", str(folder / "ours.xml"))

        wrong, unused = [], None
        for unfiltered, person in IMPORTERS.items():
            second = WordPress(socket, "second", SECOND, unfiltered)
            print(f"\nimported by a person {person}:", second.run("import.php", folder / "ours.xml"))
            result = comparison.compare(before, second.comments(), report, is_unfiltered=unfiltered == "1")
            print(f"{result.equal} comments are equal in all but local times; accepted differences:")
            for reason, count in sorted(Counter(result.accepted).items()):
                print(f"{count:5}  {reason}")
            wrong += [f"{person}: {one}" for one in result.wrong]
            unused = result.unused if unused is None else unused & result.unused
        wrong += [f"no comment needs the reason “{one}”" for one in sorted(unused)]

        # Our own import takes our file, and has the same comments then.
        command("site", "create", "again", "--name", "Trial", "--origin", FIRST)
        command("import", "wordpress", str(folder / "ours.xml"), "--site", "again")
        wrong += comparison.same_site(*(json_lines(command("export", "--site", key)) for key in ("blog", "again")))
    return wrong


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def main():
    needed = ("/usr/bin/php", "/usr/sbin/mariadbd", "/usr/share/wordpress/wp-settings.php")
    if missing := [path for path in needed if not Path(path).exists()]:
        raise SystemExit(f"{', '.join(missing)} not found; run: scripts/install-debian-packages wordpress")
    with servers.folder() as folder:
        wrong = trial(folder)
    for one in wrong:
        print("DIFFERENT", one)
    print(f"\n{len(wrong)} differences that are not accepted")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
