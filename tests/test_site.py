"""The site builds without a warning, needs no network, draws every equation, and has every public name."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
import zlib

import pytest
from pages import ROOT

from lstm_ref.site import SITE, picture

for package in ("sphinx", "myst_parser", "furo"):
    pytest.importorskip(package, reason='the site needs pip install -e ".[docs]"')


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. A link to a page or a heading that is not there is a warning, and a warning is an error."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-c", "docs", ".", str(out), "-d", str(out / ".trees"), "-E", "-q", "-W"]
    done = subprocess.run(
        [*command, "--keep-going"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


def pages(site):
    return sorted(p for p in site.rglob("*.html") if "_static" not in p.parts)


def test_a_page_loads_nothing_from_a_network(site):
    """Links may lead elsewhere; scripts, styles, fonts and pictures may not come from there."""
    assert len(pages(site)) > 80
    for page in pages(site):
        for tag in re.findall(r"<(?:script|img|iframe|link)\b[^>]*>", page.read_text()):
            if 'rel="canonical"' not in tag:
                assert not re.search(r'(?:src|href)="(?:https?:)?//', tag), f"{page.name}: {tag}"
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", style.read_text()), style


def test_every_equation_is_drawn(site):
    """As MathML; LaTeX is left over in code alone."""
    drawn = 0
    for source in sorted((ROOT / "derivations").glob("*.md")):
        text = re.sub(r"```.*?```", "", source.read_text(), flags=re.S)
        page = (site / "derivations" / source.name).with_suffix(".html").read_text()
        body = re.sub(r"<(pre|code|script|math|style)\b.*?</\1>", "", page[page.index("<article") :], flags=re.S)
        assert "$$" not in body, source.name
        assert not re.search(r"\\(bar|odot|top|sum|tanh)\b", body), source.name
        assert page.count('<div class="math">') == text.count("$$") // 2, source.name
        for tag in re.findall(r"\\tag\{(.*?)\}", text):
            assert f'<span class="number">({tag})</span>' in page, (source.name, tag)
            assert f'<span id="{tag}"></span>' in page, (source.name, tag)  # its anchor
        drawn += page.count("<math ")
    assert drawn > 1000


def test_a_graph_is_a_link_to_its_full_size(site):
    """At the width of a page its numbers cannot be read. A worksheet links to the same file."""
    for source in (ROOT / "derivations").glob("*.md"):
        page = (site / "derivations" / source.name).with_suffix(".html").read_text()
        for name in re.findall(r"!\[.*?\]\(graphs/(.*?)\)", source.read_text()):
            assert re.search(rf'<a [^>]*href="\.\./_images/{name}"><img', page), (source.name, name)
            assert (site / picture(name).removeprefix(SITE)).is_file()


PACKAGES = ("lstm_ref", "lstm_ref.arithmetic", "lstm_ref.cells", "lstm_ref.checking", "lstm_ref.graph")
PACKAGES += ("lstm_ref.layers", "lstm_ref.oracles")


def test_every_public_name_has_an_entry(site):
    """Public is what a package's `__all__` names. A cell or a layer is entered by its module."""
    inventory = zlib.decompress((site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode()
    known = {line.split()[0] for line in inventory.splitlines()}
    from lstm_ref.cells import CELLS

    for package in PACKAGES:
        for name in importlib.import_module(package).__all__:
            if package == "lstm_ref.cells" and name in CELLS:
                continue  # each has its derivation page
            value = getattr(importlib.import_module(package), name)
            homes = {
                f"lstm_ref.{name}",
                f"{package}.{name}",
                f"{getattr(value, '__module__', '')}.{name}",
                getattr(value, "__name__", ""),
            }
            assert homes & known, f"{package}.{name}"


def test_every_command_is_told(site):
    from lstm_ref.cli import COMMANDS

    page = (site / "docs" / "reference" / "commands.html").read_text()
    for name in COMMANDS:
        assert f'id="lstm-ref-{name}"' in page
    assert "-h, --help" in page  # as the command itself prints it


@pytest.fixture
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no chromium and chromedriver here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,1000"):
        options.add_argument(argument)
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield started
    started.quit()


def test_opened_from_disk_it_searches_and_darkens(site, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    wait = WebDriverWait(browser, 30)
    browser.get((site / "index.html").as_uri())
    wait.until(lambda b: "docs/index.html" in b.current_url)  # the site's own start page

    browser.get((site / "search.html").as_uri() + "?q=forget+gate")
    wait.until(lambda b: "Search finished" in b.find_element(By.CSS_SELECTOR, "#search-results").text)
    found = [a.text for a in browser.find_elements(By.CSS_SELECTOR, "#search-results a")]
    assert {"The LSTM cell", "A forget bias added at run time", "The LSTM with coupled gates"} <= set(found)

    browser.get((site / "derivations" / "lstm.html").as_uri())
    equation = browser.find_element(By.CSS_SELECTOR, "div.math math")
    assert equation.size["height"] > 10
    assert equation.find_element(By.TAG_NAME, "mi").is_displayed()

    def brightness():
        colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    seen = set()
    browser.get((site / "docs" / "tutorial.html").as_uri())
    for _ in range(3):  # automatic, light, dark
        browser.execute_script("document.querySelector('.theme-toggle').click()")
        seen.add(brightness() < 200)
        for token in (".c1", ".go"):  # a comment, and what a command prints
            assert contrast(browser, f".highlight {token}") >= 4.5  # WCAG 2, level AA
    assert seen == {True, False}


def contrast(browser, selector):
    """Of the first element's colour with its block's background, as WCAG 2 defines it."""
    colours = browser.execute_script(
        "const text = document.querySelector(arguments[0]);"
        "return [getComputedStyle(text).color, getComputedStyle(text.closest('.highlight')).backgroundColor]",
        selector,
    )
    bright = sorted(luminance(list(map(int, re.findall(r"\d+", colour)[:3]))) for colour in colours)
    return (bright[1] + 0.05) / (bright[0] + 0.05)


def luminance(colour):
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
