"""Prints what GitHub Classroom's reporter reads, from what --gradescope wrote.

    python .github/points.py results.json >> "$GITHUB_OUTPUT"

The reporter knows tests that pass and tests that fail. Each thing that a function returns is one of
them and passes with all its points; the message says how many there are.
"""

import base64
import json
import sys
from pathlib import Path

results = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
tests = [
    {
        "name": test["name"],
        "status": "pass" if test["score"] == test["max_score"] else "fail",
        "message": f"{test['score']:g} of {test['max_score']:g}: {test['output']}",
    }
    for test in results["tests"]
]
report = {
    "version": 1,
    "status": "pass" if all(test["status"] == "pass" for test in tests) else "fail",
    "max_score": sum(test["max_score"] for test in results["tests"]),
    "tests": tests,
}
print("result=" + base64.b64encode(json.dumps(report).encode()).decode())
