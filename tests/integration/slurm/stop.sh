#!/usr/bin/env bash
# Ends what start.sh started in a folder, jobs first: their steps would outlive the daemons.
set -uo pipefail
dir=$(cd "$1" && pwd -P) || exit 0
export SLURM_CONF=$dir/slurm.conf
if timeout 5 scontrol ping >/dev/null 2>&1; then
  jobs=$(timeout 5 squeue -h -o %A | sort -u)
  # shellcheck disable=SC2086
  [ -z "$jobs" ] || timeout 20 scancel --full --signal=KILL $jobs 2>/dev/null
  # shellcheck disable=SC2086
  [ -z "$jobs" ] || timeout 20 scancel $jobs 2>/dev/null
fi
for name in slurmd slurmctld slurmdbd mariadbd munged; do
  pid=$(cat "$dir/run/$name.pid" 2>/dev/null) || continue
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] || continue
  kill -TERM "$pid"
  for _ in $(seq 100); do
    # A zombie is gone: nobody may be there to reap it.
    grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$pid/status" 2>/dev/null || continue 2
    sleep 0.1
  done
  kill -KILL "$pid"
done
exit 0
