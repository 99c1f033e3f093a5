#!/bin/sh
# Runs the tests under every declared Python on this machine, each in its own environment; names those that are missing.
set -eu
tested=""
missing=""
for version in ${PYTHONS:-3.10 3.11 3.12 3.13 3.14}; do
    python=""
    # pyenv's shims exist for versions that are not selected: ask the interpreter itself.
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
            python="$candidate"
            break
        fi
    done
    if [ -z "$python" ]; then
        missing="$missing $version"
        continue
    fi
    environment=".venv-py$version"
    if [ ! -e "$environment/.ready" ] || [ constraints.txt -nt "$environment/.ready" ] || [ pyproject.toml -nt "$environment/.ready" ]; then
        "$python" -m venv "$environment"
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt \
            -e '.[demo,ecologits,cost]' --group dev
        touch "$environment/.ready"
    fi
    echo "== Python $version"
    "$environment/bin/python" -m pytest -q
    tested="$tested $version"
done
echo "tested under:$tested; not on this machine:${missing:- none}"
[ -n "$tested" ]
