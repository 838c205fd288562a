"""The bill of materials, as the CycloneDX schema and a scanner of it see it: bill.py FILE."""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

text = Path(sys.argv[1]).read_text(encoding="utf-8")
bill = json.loads(text)
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
names = {it["name"] for it in bill["components"]}
refs = {it["bom-ref"] for it in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
uses = {use for it in bill["dependencies"] for use in it["dependsOn"]}

results = [
    (error is None, f"it is a CycloneDX 1.6 document {error or ''}".rstrip()),
    ({"ring", "rustls", "ureq", "webpki-roots", "rust-std"} <= names, "it has what everybody knows to be inside"),
    (not {"tokio", "criterion", "cbindgen", "serde_derive", "cc"} & names, "it has nothing that only builds or tests"),
    (uses <= refs, "what it says to be used is in it"),
    (uses | {bill["metadata"]["component"]["bom-ref"]} == refs, "all that is in it is used by something"),
]
for holds, sentence in results:
    print(f"{'ok' if holds else 'NOT OK'} - {sentence}")
failed = sum(not holds for holds, _ in results)
print(f"{len(results) - failed} passed, {failed} failed")
sys.exit(failed > 0)
