#!/usr/bin/env bash
# Builds what is released into dist/: the wheel, built twice and compared, the source, the bill of materials, checksums.
# Usage: tools/dist.sh PYTHON     a Python with the build backend, such as .venv/bin/python
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python="$1"

release=.venv-release
install=(-m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:)
SOURCE_DATE_EPOCH="$(git -c safe.directory='*' log -1 --format=%ct 2>/dev/null || echo 1767225600)"
export SOURCE_DATE_EPOCH

rm -rf dist "$release"
for copy in first second; do
  "$python" -m hatchling build -t wheel -t sdist -d "dist/$copy" >/dev/null
done
diff -r dist/first dist/second || { echo "error: two builds are not the same" >&2; exit 1; }
mv dist/first/* dist/
rm -r dist/first dist/second

# The bill is of what a user installs, so the tool that writes it has an environment of its own.
"$python" -m venv "$release/tool"
"$release/tool/bin/python" "${install[@]}" -r requirements/release.txt
"$python" -m venv --without-pip "$release/planctl"
"$release/tool/bin/python" -m pip --python "$release/planctl/bin/python" "${install[@]:2}" -r requirements/all.txt
version="$("$python" -c 'import planctl; print(planctl.__version__)')"
bill="dist/planctl_billing-$version.cdx.json"
"$release/tool/bin/cyclonedx-py" environment "$release/planctl/bin/python" \
  --pyproject pyproject.toml --output-reproducible -o "$bill"
rm -rf "$release"

(cd dist && sha256sum -- * >SHA256SUMS && cat SHA256SUMS)
