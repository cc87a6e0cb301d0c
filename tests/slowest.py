"""Prints the ten slowest tests of a run, from nextest's JUnit report: where a long run is looked at first."""

import sys
import xml.etree.ElementTree as ElementTree

cases = [
    (float(case.get("time", 0)), f"{suite.get('name')} {case.get('name')}")
    for suite in ElementTree.parse(sys.argv[1]).getroot().iter("testsuite")
    for case in suite.iter("testcase")
]
cases.sort(reverse=True)
print(f"{len(cases)} tests, {sum(seconds for seconds, _ in cases):.0f} s if run one after the other; the slowest:")
for seconds, name in cases[:10]:
    print(f"{seconds:8.1f} s  {name}")
