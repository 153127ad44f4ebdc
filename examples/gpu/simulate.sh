#!/usr/bin/env bash
# Stands for a program of yours: reads INPUT, writes OUTPUT, and says which GPU it was given.
# bash simulate.sh INPUT OUTPUT
set -euo pipefail
echo "GPU $CUDA_VISIBLE_DEVICES of $(hostname)"
awk '
  $1 == "angle" { angle = $2; start = $2 }
  $1 == "steps" { steps = $2 }
  END {
    # a pendulum, by the method of Stoermer and Verlet
    for (step = 0; step < steps; step++) {
      speed -= 0.01 * sin(angle)
      angle += 0.01 * speed
      if (before > 0 && angle <= 0 && !quarter) quarter = step
      before = angle
    }
    printf "angle %.1f, period %.2f\n", start, 4 * 0.01 * quarter
  }
' "$1" >"$2"
