#!/usr/bin/python3
"""What cannot be started says why in one line, with the exit code of docs/codes.md, and leaves nothing half started.

usage: start_errors.py FULMAR. Needs no network: nothing here gets as far as asking a name server, except the cases that
fail after the trust anchor is asked about, which give it one second.
"""

import dataclasses
import pathlib
import socket
import subprocess
import sys
import tempfile

CONFIG, TRY_LATER = 78, 75


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    code: int
    words: tuple[str, ...]            # all must stand in the one line
    text: str = ""                    # more configuration
    state_dir: str = "{dir}/state"
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"
    trust_anchor: str = "/usr/share/dns/root.key"
    control: str = "{dir}/control.sock"
    address: str = "127.0.0.1:0"
    listen: str = ""


def relay_with(auth_file: str, more: str = "") -> str:
    return f'[[destination]]\ndomain = "a.example"\nrelay = "[b.example]"\nauth_file = "{auth_file}"\n{more}'


CASES = (
    Case("a mistyped key", CONFIG, ("fulmar.toml:1:1", "hostnam", "hostname"), text='hostnam = "a.example"\n'),
    Case("a value out of bounds", CONFIG, ("fulmar.toml:1:", "threads"), text="threads = 100000\n"),
    Case("a feature of a later version", CONFIG, ("not in this version",), text='[http]\naddress = ""\n'),
    Case("a missing trust anchor", CONFIG, ("{dir}/no-anchor",), trust_anchor="{dir}/no-anchor"),
    Case("a trust anchor that is none", CONFIG, ("{dir}/garbage",), trust_anchor="{dir}/garbage"),
    Case("a missing CA bundle", CONFIG, ("{dir}/no-ca",), ca_file="{dir}/no-ca"),
    Case("a CA bundle without certificates", CONFIG, ("{dir}/garbage",), ca_file="{dir}/garbage"),
    Case("a state directory below a file", TRY_LATER, ("{dir}/garbage",), state_dir="{dir}/garbage/state"),
    Case("an unreadable certificate", CONFIG, ("{dir}/no-cert",),
         listen='tls = "starttls"\ncertificate = "{dir}/no-cert"\nprivate_key = "{dir}/no-key"\n'),
    Case("a port in use", CONFIG, ("127.0.0.1:{port}",), address="127.0.0.1:{port}"),
    Case("a missing file with a relay's password", CONFIG, ("{dir}/no-auth",), text=relay_with("{dir}/no-auth")),
    Case("a file without a relay's password", CONFIG, ("{dir}/garbage", "user:password"),
         text=relay_with("{dir}/garbage")),
    Case("a file with an empty password", CONFIG, ("{dir}/empty-password", "user:password"),
         text=relay_with("{dir}/empty-password")),
    Case("a password for a relay that needs to prove nothing", CONFIG, ("fulmar.toml:", "destination[0].tls"),
         text=relay_with("{dir}/auth", 'tls = "may"\n')),
    Case("a folder of texts that is not there", CONFIG, ("{dir}/no-texts",),
         text='[notify]\ntemplates_dir = "{dir}/no-texts"\n'),
    Case("a text that lacks its recipients", CONFIG, ("{dir}/texts/fr.toml:2:10", "{recipients}"),
         text='[notify]\ntemplates_dir = "{dir}/texts"\n'),
    Case("a language without texts", CONFIG, ("notify.language", '"it"'), text='[notify]\nlanguage = "it"\n'),
    Case("a control socket without a directory", CONFIG, ("{dir}/none/control.sock",), control="{dir}/none/control.sock"),
)


def run(fulmar: str, case: Case, folder: pathlib.Path, port: int) -> list[str]:
    def fill(text: str) -> str:
        return text.replace("{dir}", str(folder)).replace("{port}", str(port))

    config = folder / "fulmar.toml"
    config.write_text(
        (fill(case.text) + "\n" if "[" not in case.text else "")
        + f'state_dir = "{fill(case.state_dir)}"\n'
        + (fill(case.text) if "[" in case.text else "")
        + f'[resolver]\ntimeout = "1s"\ntrust_anchor = "{fill(case.trust_anchor)}"\n'
        + f'[tls]\nca_file = "{fill(case.ca_file)}"\n[control]\nsocket = "{fill(case.control)}"\n'
        + f'[log]\nfile = "{folder}/log"\n[[listen]]\naddress = "{fill(case.address)}"\n{fill(case.listen)}')
    done = subprocess.run([fulmar, "serve", "--config", str(config)], capture_output=True, text=True, timeout=30,
                          check=False)
    lines = done.stderr.splitlines()
    problems = []
    if done.returncode != case.code:
        problems.append(f"exit code {done.returncode}, want {case.code}")
    if len(lines) != 1:
        problems.append(f"{len(lines)} lines, want one")
    problems += [f"{fill(word)!r} is missing" for word in case.words if fill(word) not in done.stderr]
    if (folder / "control.sock").exists():
        problems.append("the control socket was left behind")
    return [f"{problem}: {done.stderr!r}" for problem in problems]


def main() -> int:
    failed = 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for case in CASES:
            with tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name)
                (folder / "state").mkdir()
                (folder / "garbage").write_text("neither a key nor a certificate\n")
                (folder / "texts").mkdir()
                (folder / "texts/fr.toml").write_text('[verdict]\nfailed = "pas parti"\n')
                (folder / "auth").write_text("user:secret\n")
                (folder / "empty-password").write_text("user:\n")
                problems = run(sys.argv[1], case, folder, taken.getsockname()[1])
            print(("FAIL " if problems else "ok   ") + case.name)
            for problem in problems:
                print("     " + problem)
            failed += bool(problems)
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
