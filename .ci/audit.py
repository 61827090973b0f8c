"""Ask the registry which pinned versions have known vulnerabilities: ``.ci/audit.py AUDITOR``.

AUDITOR is a ``pip-audit``. Says how many of the pins it could look up: none where there is no
network, or behind a mirror that keeps no such records, which is no failure. With ``--strict``, for
releases, what is found fails; without, it is a warning: yesterday's disclosure is no fault of
today's change.
"""

import json
import subprocess
import sys
from pathlib import Path

PINS = Path(__file__).with_name("constraints.txt")
SECONDS = 120


def audit(auditor: str) -> tuple[list[str], int, int]:
    """The findings in words, the number of pins that were looked up, and of all.

    Raises:
        OSError: no answer.
    """
    command = [auditor, "--no-deps", "--disable-pip", "--requirement", str(PINS)]
    command += ["--timeout", "10", "--format", "json", "--progress-spinner", "off"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        packages = json.loads(run.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise OSError(f"no answer from the registry: {error}") from error
    known = [package for package in packages if "skip_reason" not in package]
    findings = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, mended in "
        f"{', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for package in known
        for vulnerability in package["vulns"]
    ]
    return findings, len(known), len(packages)


def main(arguments: list[str]) -> int:
    """Print what was found; 1 where that fails."""
    strict = "--strict" in arguments
    auditor = next(argument for argument in arguments if argument != "--strict")
    try:
        findings, known, count = audit(auditor)
    except OSError as error:
        print(f"warning: the pins were not audited ({error})", file=sys.stderr)
        return int(strict)
    print(f"{known} of {count} pins looked up, {len(findings)} known vulnerabilities")
    for finding in findings:
        print(f"warning: {finding}", file=sys.stderr)
    return int(strict and (bool(findings) or known < count))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
