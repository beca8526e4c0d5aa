"""The first loan of docs/api.md, pasted into a shell as a reader does."""

import json
import re
import subprocess

from tests.conftest import ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class TestShell:
    def test_makes_a_loan_that_shows_its_first_repayment(self, start_server, database_url, issue_key):
        server = start_server(DATABASE_URL=database_url)
        section = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").split("\n## ")[1]
        pasted = "\n".join(BLOCK.findall(section))
        pasted = pasted.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{server.port}")
        pasted = re.sub(r"^KEY=.*$", f"KEY={issue_key()}", pasted, flags=re.MULTILINE)

        shell = subprocess.run(["bash", "-euc", pasted], capture_output=True, text=True, check=True)

        schedule = json.loads(shell.stdout[shell.stdout.rindex('{"loan_id"') :])
        assert [row["paid"] for row in schedule["installments"]][:2] == ["106.62", "0.00"]
