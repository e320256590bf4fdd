#!/usr/bin/env python3
"""Writes what is built into the binary as a CycloneDX 1.5 document: from `cargo metadata` on stdin, to stdout."""

import json
import sys
from collections import deque

meta = json.load(sys.stdin)
packages = {package["id"]: package for package in meta["packages"]}
nodes = {node["id"]: node for node in meta["resolve"]["nodes"]}
root = next(p["id"] for p in meta["packages"] if p["name"] == "whodid-server")


def needed(node):
    """Dependencies of the built thing: neither those of tests nor of build scripts."""
    for dependency in node["deps"]:
        if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
            yield dependency["pkg"]


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package):
    described = {
        "type": "library",
        "bom-ref": reference(package),
        "purl": reference(package),
        "name": package["name"],
        "version": package["version"],
    }
    if package["license"]:
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    return described


seen, open_ids = {root}, deque([root])
while open_ids:
    for other in needed(nodes[open_ids.popleft()]):
        if other not in seen:
            seen.add(other)
            open_ids.append(other)

order = sorted(seen, key=lambda package: (packages[package]["name"], packages[package]["version"]))
document = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "version": 1,
    "metadata": {"component": {**component(packages[root]), "type": "application", "name": "whodid"}},
    "components": [component(packages[package]) for package in order if package != root],
    "dependencies": [
        {"ref": reference(packages[p]), "dependsOn": sorted(reference(packages[d]) for d in set(needed(nodes[p])))}
        for p in order
    ],
}
json.dump(document, sys.stdout, indent=1)
print()
