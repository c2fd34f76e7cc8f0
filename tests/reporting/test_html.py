"""The HTML report in a real browser: what a reader sees; nothing is executed or fetched."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import pytest

from lstm_ref.checking.report import Conformance, FirstWrong, NodeReport
from lstm_ref.reporting.html import as_html


@pytest.fixture(scope="module")
def browser():
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no chromium with chromedriver on PATH: the page was not looked at in a browser")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1000,1200"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def show(browser, tmp_path):
    """Opens the page of some reports; returns the browser and what it asked for beside the page itself."""

    def shown(*reports):
        browser.get("about:blank")
        browser.get_log("browser"), browser.get_log("performance")
        page = tmp_path / "report.html"
        page.write_text(as_html(reports), encoding="utf-8")
        browser.get(page.as_uri())
        assert browser.get_log("browser") == [], "the console says nothing: no error, nothing blocked"
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        assert asked == [page.as_uri()], "the page is the only thing that is asked for"
        return browser

    return shown


def every(browser, selector):
    return browser.find_elements("css selector", selector)


def one(browser, selector):
    (found,) = every(browser, selector)
    return found


def text(browser):
    return one(browser, "body").text


def test_verdict_and_mistake_are_the_first_things_on_the_page(show, wrong):
    page = show(wrong)
    lines = text(page).splitlines()
    assert lines[0] == "cubes: ✗ wrong"
    assert lines[2].startswith("The mistake: the term next_c_bar is missing from c_bar. L4*")
    assert one(page, ".verdict").is_displayed()
    assert one(page, ".answer.main").rect["y"] < 200
    assert one(page, ".answer.main dl code").text == wrong.findings[0].see
    assert one(page, ".answer.main a").get_attribute("href") == wrong.findings[0].url


def test_equations_are_mathml_that_a_screen_reader_can_read_as_latex(show, wrong):
    derived, found = every(show(wrong), "math")
    assert derived.get_attribute("alttext") == wrong.findings[0].right
    assert (derived.rect["height"] > 10, derived.rect["width"] > found.rect["width"] > 50) == (True, True)
    assert [e.text for e in derived.find_elements("css selector", "mo") if e.text == "⊙"] == ["⊙", "⊙"]


def test_an_equation_that_is_none_is_shown_as_its_source(show, wrong):
    page = show(replace(wrong, findings=(replace(wrong.findings[0], right=r"\frac{", wrong=None),)))
    assert every(page, "dd code")[0].text == r"\frac{"
    assert every(page, "math") == []


def test_the_heat_map_has_a_cell_for_every_value_and_step_and_says_in_words_what_its_colours_say(show, wrong):
    page = show(wrong)
    rows = every(page, ".heat tbody tr")
    assert [row.find_element("css selector", "th").text for row in rows] == ["c", "h"]
    assert [th.text for th in every(page, ".heat thead th")] == ["t", "0", "1", "2", "3"]
    cells = [[cell.text for cell in row.find_elements("css selector", "td")] for row in rows]
    assert cells == [["• 0.7", "• 0.02", "✗ 0.5", "1e-17"], ["• 1e-07", "• 3e-11", "2e-17", "0"]]
    assert one(page, ".heat td.first").get_attribute("title") == (
        "adjoint of c at step 2: the first wrong adjoint, relative error 0.5"
    )
    legend = [entry.text for entry in every(page, ".legend li")]
    assert "• hatched: an error inherited from it" in legend
    background = {e.value_of_css_property("background-color") for e in every(page, ".legend span, .heat td")}
    assert background >= {e.value_of_css_property("background-color") for e in every(page, ".heat td")}
    assert len({e.value_of_css_property("background-color") for e in every(page, ".legend span")}) == 6


def test_text_on_every_shade_can_be_read_in_light_and_dark(show, wrong):
    errors = (1e-12, 1e-8, 1e-5, 1e-2, 0.5, float("nan"), 1e-17)
    page = show(replace(wrong, nodes=(NodeReport("c", errors, (True,) * 6 + (False,)),)))
    for scheme in ("light", "dark"):
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [_scheme(scheme)]})
        for cell in (*every(page, ".heat td"), *every(page, "h1 span, .answer, .pale")):
            ratio = _contrast(cell.value_of_css_property("color"), _background(cell))
            assert ratio >= 4.5, f"{scheme}: {cell.text!r} has a contrast of {ratio:.1f}"
        for label in every(page, "svg g:not(.none) text"):
            fill = label.find_element("xpath", "../*[name()='rect']")
            ratio = _contrast(label.value_of_css_property("fill"), fill.value_of_css_property("fill"))
            assert ratio >= 4.5, f"{scheme}: {label.text!r} in the graph has a contrast of {ratio:.1f}"
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_larger_an_error_the_darker_its_cell(show, wrong):
    errors = (1e-12, 1e-8, 1e-5, 1e-2, 0.5)
    page = show(replace(wrong, nodes=(NodeReport("c", errors, (True,) * 5),)))
    shades = [_luminance(cell.value_of_css_property("background-color")) for cell in every(page, ".heat td")]
    assert shades == sorted(set(shades), reverse=True)


def _scheme(name):
    return {"name": "prefers-color-scheme", "value": name}


def _background(element):
    """The colour of the nearest ancestor that has one."""
    while True:
        colour = element.value_of_css_property("background-color")
        if not colour.endswith(", 0)"):
            return colour
        element = element.find_element("xpath", "..")


def _contrast(*colours):
    """The ratio of WCAG 2.1."""
    low, high = sorted(map(_luminance, colours))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    parts = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_graph_of_a_known_cell_marks_its_values_by_their_worst_error(show, wrong):
    page = show(wrong)
    assert {g.text.split("\n")[0] for g in every(page, "section svg g")} == {
        *("x", "h_prev", "c_prev", "a_i", "a_f", "a_g", "a_o", "i", "f", "g", "o", "c", "u", "h")
    }
    assert [g.text for g in every(page, "svg g.first")] == ["c\n✗ 0.7"]
    assert [g.text for g in every(page, "svg g.inherited")] == ["h\n• 1e-07"]
    assert len(every(page, "svg g.none")) == 12
    assert (
        one(page, "section svg").get_attribute("aria-label").startswith("computational graph; adjoint of c: the first")
    )


def test_probes_named_after_a_cells_values_are_found_in_its_graph(show, wrong):
    nodes = tuple(replace(n, name=f"{n.name}_node") for n in wrong.nodes)
    page = show(replace(wrong, nodes=nodes, first_wrong=FirstWrong("c_node", 2, 4)))
    assert [g.text for g in every(page, "svg g.first")] == ["c\n✗ 0.7"]


@pytest.mark.parametrize("cell", [None, Conformance("lstm", False, "the forward is not lstm")])
def test_other_graphs_are_the_named_values_step_by_step_with_arrows_forward(show, wrong, cell):
    page = show(replace(wrong, conformance=cell))
    assert [g.text for g in every(page, "svg g.first")] == ["c\n✗ 0.5"]
    assert len(every(page, "section svg g")) == 8
    assert [t.text for t in every(page, "section svg > text")] == ["t = 0", "t = 1", "t = 2", "t = 3"]
    columns = {g.text.split("\n")[0]: g.rect["y"] for g in every(page, "section svg g")}
    assert columns["c"] < columns["h"]
    assert len(every(page, "path.edge")) == 4 + 3
    lengths = [_ends(path) for path in every(page, "path.edge")]
    assert all(end_x > x for x, end_x in lengths if end_x != x)


def _ends(path):
    numbers = re.findall(r"(-?[\d.]+),", path.get_attribute("d"))
    return float(numbers[0]), float(numbers[-1])


def test_arrows_run_the_other_way_where_time_does(show, wrong):
    nodes = (NodeReport("c", (0.0, 0.5, 0.7), (False, True, True)),)
    page = show(replace(wrong, conformance=None, nodes=nodes, first_wrong=FirstWrong("c", 1, 3), inherited=("c[2]",)))
    assert all(end < start for start, end in map(_ends, every(page, "path.edge")))


def test_a_long_sequence_shows_all_steps_in_the_heat_map_and_those_around_the_first_wrong_one_in_the_graph(show, wrong):
    nodes = (NodeReport("c", (0.5,) * 31 + (0.0,) * 69, (True,) * 31 + (False,) * 69),)
    page = show(replace(wrong, conformance=None, nodes=nodes, first_wrong=FirstWrong("c", 30, 100), inherited=()))
    assert len(every(page, ".heat td")) == 100
    assert [t.text for t in every(page, "section svg > text")] == [f"t = {t}" for t in range(23, 33)]
    assert "Steps 23 to 32 of 0..99." in text(page)
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_the_table_of_digits_has_headers_the_limit_and_the_deciding_oracle(show, wrong):
    page = show(wrong)
    headers = [th.text for th in every(page, ".digits thead th")]
    assert headers == ["gradient of", "shape", "balls*", "differences", "detection limit", "verdict"]
    assert [th.get_attribute("scope") for th in every(page, ".digits th")] == ["col"] * 6 + ["row"] * 2
    w, v = (row.text for row in every(page, ".digits tbody tr"))
    assert w.startswith("w 2×3 ✗ 0.4 ✗ 0.4 ")
    assert " in float64, " in w
    assert w.endswith(" in balls ✗ WRONG: 5 of 6")
    assert v.endswith("✓ right")
    assert "worst at w[1, 0]: claimed 8.00, expected 24.0 (balls); error 16, allowed" in text(page)


def test_what_was_not_decided_and_not_checked_is_said(show, wrong):
    shown = text(show(wrong))
    assert "Not decided here: whether the mask is handled: every length is T." in shown
    assert "Truly zero here: w (1 of 6): the check cannot see a term that is missing there." in shown
    assert "Unchecked: x (no gradient is claimed)." in shown
    assert "Note: the claim writes into its argument." in shown
    assert "Conformance: the forward is lstm, to all digits." in shown


def test_markup_in_a_users_words_is_text(show, hostile, markup):
    page = show(hostile, replace(hostile, conformance=None))
    shown = text(page)
    for words in markup:
        assert words in shown
    assert every(page, "script, img, iframe, object, link") == []
    assert every(page, "[onerror], [onload], [onclick]") == []
    assert page.execute_script("return window.isSecureContext !== undefined")  # the page answers: no alert is open
    assert "49" not in [th.text for th in every(page, "th")]


def test_markup_in_an_equation_is_text_even_where_it_is_written_as_entities(wrong):
    for latex in (r"\text{<img src=x>}", r"\text{&lt;img src=x&gt;}", r"\href{javascript:alert(1)}{x}"):
        page = as_html([replace(wrong, findings=(replace(wrong.findings[0], right=latex, place=None),))])
        assert "<img" not in page
        assert "href=" not in page


def test_several_reports_begin_with_a_list_of_all(show, right, wrong):
    page = show(right, wrong)
    assert text(page).splitlines()[0] == "2 checks: ✗ some wrong"
    links = every(page, "header a")
    assert [link.get_attribute("href").split("#")[1] for link in links] == ["report-1", "report-2"]
    assert {s.get_attribute("id") for s in every(page, "section")} == {"report-1", "report-2"}
    assert [v.text for v in every(page, ".verdict")] == ["✓ exact gradient", "✗ wrong"]


def test_a_right_report_has_no_answer_box_no_map_and_no_graph(show, right):
    page = show(right)
    assert every(page, ".answer, .heat, section svg") == []
    assert text(page).startswith("cubes: ✓ exact gradient\n")


def test_what_could_not_be_decided_has_a_sign_and_a_colour_of_its_own(undecided, right, wrong):
    page = as_html([undecided])
    assert "<title>? cubes" in page
    assert '<span class="verdict undecided-text">? undecided' in page
    assert '<td class="undecided-text">? undecided</td>' in page
    assert '<td class="right-text">✓ right but for the rounding of constants, 16.1 digits</td>' in page
    assert "<strong>Not decided here:</strong> w: the loss is too small" in page
    assert '<span class="undecided-text">? some undecided</span>' in as_html([right, undecided])
    assert '<span class="wrong-text">✗ some wrong</span>' in as_html([undecided, wrong])


def test_directions_are_not_taken_for_elements(along):
    page = as_html([along])
    assert '<td class="wrong-text">✗ wrong along 3 of 4 directions</td>' in page
    assert "w is wrong along 3 of 4 directions; along the worst" in page
