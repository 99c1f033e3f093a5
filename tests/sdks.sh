#!/bin/sh
# Runs tests/matrix/sdk/test_sdk_matrix.py on every SDK of the matrix, each in its own environment, then names them.
# 1.32 is the oldest supported, 1.39 the last without `_on_ending`, 1.40 the first with it, 1.42 the last whose spans
# take items after their end, 1.43 the first whose spans do not.
set -eu
python="${PYTHON:-python3}" # its pip installs into the others: 22.3 or newer
tested=""
pins=$(mktemp)
trap 'rm -f "$pins"' EXIT
# The tools as everywhere, the SDK and what it asks for as the matrix has it.
grep -v -E '^(#|opentelemetry-|importlib-metadata|zipp)' constraints.txt >"$pins"
for version in ${SDKS:-1.32.1 1.39.1 1.40.0 1.42.1 1.43.0 newest}; do
    environment=".venv-sdk$version"
    ready="$environment/.ready"
    wanted="opentelemetry-sdk==$version"
    if [ "$version" = newest ]; then
        wanted="opentelemetry-sdk"
        find "$ready" -mtime +0 -delete 2>/dev/null || true # a day later it may be another
    fi
    if [ ! -e "$ready" ] || [ pyproject.toml -nt "$ready" ] || [ constraints.txt -nt "$ready" ] || [ "$0" -nt "$ready" ]; then
        "$python" -m venv --clear --without-pip "$environment"
        "$python" -m pip --python "$environment/bin/python" install --quiet --disable-pip-version-check \
            -c "$pins" -e . "$wanted" pytest hypothesis
        touch "$ready"
    fi
    installed=$("$environment/bin/python" -c 'import importlib.metadata as m; print(m.version("opentelemetry-sdk"))')
    echo "== opentelemetry-sdk $installed"
    # opentelemetry-api 1.42 warns about itself when it is imported on Python 3.10 and 3.11.
    "$environment/bin/python" -m pytest -q -W "ignore:SelectableGroups dict interface:DeprecationWarning" \
        tests/matrix/sdk/test_sdk_matrix.py
    tested="$tested $installed"
done
echo "tested on opentelemetry-sdk:$tested"
