#!/usr/bin/env bash
# reasoning-gym's game_of_life_halting gives full marks to every answer, "I do not know" included, and prime_factorization's
# scorer raises on text that is no product of numbers: a judge that takes its scores unguarded pays for nothing, or dies.
# Shown with reasoning-gym 0.1.25, each family asked 20 times.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip --quiet --disable-pip-version-check install reasoning-gym==0.1.25
cat >"$work/try.py" <<'PY'
import importlib.metadata as meta, sys
import reasoning_gym

print("reasoning-gym", meta.version("reasoning-gym"))
halting = reasoning_gym.create_dataset("game_of_life_halting", size=20, seed=1)
marks = {a: sum(halting.score_answer(a, item) for item in halting) / 20 for a in ["True", "False", "I do not know."]}
print("game_of_life_halting, mean score of one answer to all questions:", marks)
factors = reasoning_gym.create_dataset("prime_factorization", size=20, seed=1)
raised = 0
for item in factors:
    try:
        factors.score_answer("I do not know.", item)
    except ValueError:
        raised += 1
print("prime_factorization, scorer raises ValueError on a sentence:", raised, "of 20")
sys.exit(0 if all(m == 1 for m in marks.values()) and raised == 20 else 1)
PY
"$work/venv/bin/python" "$work/try.py" || { echo CHANGED; exit 1; }
