"""axe-core: its script, and what it finds in a page."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from support.browser.chromium import Browser

LOCK = Path(__file__).with_name("axe.txt")
_MEMBER = "axe_playwright_python/axe.min.js"


def script(cache: Path) -> str:
    """The script, downloaded once for each lock."""
    file = cache / f"axe-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}.js"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache) as folder:
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes")
            subprocess.run([*pip, "--requirement", LOCK, "--dest", folder], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                Path(archive.extract(_MEMBER, folder)).rename(file)
    return file.read_text(encoding="utf-8")


def violations(browser: Browser, script: str) -> list[str]:
    """Each rule that the page breaks, with the elements that break it. Rules of best practice count too."""
    browser.value(f"{script}; 0")
    found = browser.value("axe.run().then(result => result.violations)")
    return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]
