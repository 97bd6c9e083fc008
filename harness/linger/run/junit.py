"""junit.xml in the form that CI servers accept.

pytest writes the properties of a test into its <testcase>. The schema that Jenkins' xUnit plugin
validates by (junit-10.xsd) allows <properties> in <testsuite> only, and rejects the file otherwise;
GitLab and Jenkins' own junit plugin do not validate. So the properties are moved to the suite, each named
after its test: "closewait-leak/buggy claim". Times are in seconds already.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from linger.lab import files


def tidy(path: Path) -> None:
    """Move the properties of every test case to its suite; a missing file is ignored."""
    if not path.is_file():
        return
    tree = ElementTree.parse(path)
    for suite in tree.iter("testsuite"):
        moved = ElementTree.Element("properties")
        for case in suite.findall("testcase"):
            for properties in case.findall("properties"):
                case.remove(properties)
                moved.extend(_named(case, properties))
        if len(moved):
            suite.insert(0, moved)
    with files.replacing(path) as part:
        tree.write(part, encoding="utf-8", xml_declaration=True)


def _named(case: ElementTree.Element, properties: ElementTree.Element) -> list[ElementTree.Element]:
    """The properties of a test case, named after its lab, or after itself if it has none."""
    found = [(each.get("name", ""), each.get("value", "")) for each in properties]
    who = dict(found).get("lab") or f"{case.get('classname')}.{case.get('name')}"
    return [
        ElementTree.Element("property", name=f"{who} {name}", value=value)
        for name, value in found
        if name != "lab"
    ]
