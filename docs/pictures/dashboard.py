"""Makes dashboard.png: the overview of a study, as a browser shows it.

    python docs/pictures/dashboard.py STUDY [--out docs/pictures/dashboard.png]

Needs the extra `web`, playwright and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> None:
    """Serves the study, looks at it once, and ends the server."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("dashboard.png"))
    asked = parser.parse_args()
    command = [sys.executable, "-m", "proveout", "serve", str(asked.study), "--read-only"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.goto(address)
            page.wait_for_timeout(1000)
            page.screenshot(path=str(asked.out))
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
