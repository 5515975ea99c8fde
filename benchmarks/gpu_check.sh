#!/usr/bin/env bash
# Everything that is measured on a machine with an NVIDIA GPU, in stages, within LIMIT seconds.
#
#   benchmarks/gpu_check.sh [STAGE...]    setup probe tests steps runs scripts parity best
#
# For one machine that is lent for 15 minutes, two calls, one right after the other:
#   LIMIT=460 OUT=... benchmarks/gpu_check.sh setup probe tests steps runs
#   LIMIT=250 OUT=... benchmarks/gpu_check.sh scripts parity best
# Whatever ends a call from outside should wait 30 seconds longer: a stage that is cut has 15 to
# end.
#
#   setup    installs WHEELS, then `gan-bench doctor`, nvidia-smi -q, and whether DATASET is there
#   probe    what the GPU is and can do                                         (gpu_probe.py)
#   tests    the tests that need a GPU, without those that also need Keras
#   steps    a training step of every recipe in each precision                  (gpu_steps.py)
#   runs     all recipes on full MNIST; a later call of `runs` continues them
#   scripts  trainers against plain scripts                                     (throughput.py)
#   parity   certificates of PyTorch's and JAX's recipes, as many as fit
#   best     torch-dcgan for half of the time that is left; needs `steps`
#
# A stage has a limit of its own (<STAGE>_LIMIT changes it) and is skipped where too little time is
# left. After each stage the results so far are packed into OUT: results.tar.gz has logs, figures
# and runs, samples.tar.0 and so on have the last samples of seed 0: at most 8 files of 15 MB, no
# folders. The exit code is 1 if a stage failed or was cut. No setting of the GPU is changed.
#
# Variables, besides LIMIT and OUT:
#   DEVICE           cuda; cpu tries this script without a GPU, with small sizes
#   WORK             where logs and runs are kept from one call to the next
#   PYTHON           the interpreter with the frameworks
#   WHEELS, SITE     a folder with wheels of what this interpreter lacks, if there is one, and where
#                    to install them: a folder called site-packages, so that the packages in it
#                    identify a run by their versions, as installed ones do
#   GAN_BENCH_DATA   the folder with mnist/, see docs/data.md
#   DATASET, IMAGES, SAMPLES, SEEDS, RECIPES, FRAMEWORKS, WORKERS, BEST_S, SAMPLES_MB: see below
#
# What a machine without a network lacks goes there as wheels. For one with Python 3.12, PyTorch,
# JAX 0.11 and NumPy's usual companions, this makes 7 MB where there is a network:
#   pip download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
#     --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 \
#     --platform manylinux2014_x86_64 --dest wheels pydantic==2.14.3 pydantic-core==2.50.4 \
#     annotated-types==0.8.0 typing-inspection==0.4.5 platformdirs==4.14.7 pooch==1.9.0 \
#     tzdata==2026.6 flax==0.12.12 optax==0.2.8 absl-py==2.5.1 treescope==0.1.10
#   pip wheel --no-deps --wheel-dir wheels .
# Flax 0.12.8 and 0.12.9 do not import beside JAX 0.11.2. The part of Flax that is used here imports
# without orbax-checkpoint and tensorstore, which it asks for.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

ALL="setup probe tests steps runs scripts parity best"
STAGES=${*:-$ALL}
for name in $STAGES; do
  case " $ALL " in
    *" $name "*) ;;
    *) echo "There is no stage $name; the stages are: $ALL." >&2 && exit 2 ;;
  esac
done

set -a # the stages are processes of their own
DEVICE=${DEVICE:-cuda}
LIMIT=${LIMIT:-700}
WORK=${WORK:-/tmp/gan-bench-gpu}
OUT=${OUT:-$WORK/out}
SITE=${SITE:-$WORK/site-packages}
WHEELS=${WHEELS:-wheels}
PYTHON=${PYTHON:-python3}
FRAMEWORKS=${FRAMEWORKS:-torch jax}
SAMPLES_MB=${SAMPLES_MB:-50}
if [ "$DEVICE" = cpu ]; then
  DATASET=${DATASET:-mnist-5k} IMAGES=${IMAGES:-32} SAMPLES=${SAMPLES:-64} SEEDS=${SEEDS:-1}
  RECIPES=${RECIPES:-dcgan} WORKERS=${WORKERS:-0} BEST_S=${BEST_S:-1} EVALUATIONS=2
  SMALL="--batch-size 2 --paired-steps 1" ROUNDS="torch-dcgan --rounds 1 --seconds 0.1"
else
  DATASET=${DATASET:-mnist} IMAGES=${IMAGES:-60000} SAMPLES=${SAMPLES:-10000} SEEDS=${SEEDS:-3}
  RECIPES=${RECIPES:-dcgan dcgan-3g baseline enhanced upsampling-sgd decay}
  WORKERS=${WORKERS:-8} BEST_S=${BEST_S:-} EVALUATIONS=5
  SMALL="" ROUNDS="torch-dcgan torch-baseline --rounds 2 --seconds 1"
fi
PYTHONPATH=$SITE${PYTHONPATH:+:$PYTHONPATH}
PYTHONUNBUFFERED=1
mkdir -p "$WORK" "$OUT" || exit 2
WORK=$(cd "$WORK" && pwd) OUT=$(cd "$OUT" && pwd)

bench() { "$PYTHON" -P -m gan_bench "$@"; }

run_setup() {
  local code=0
  if [ -d "$WHEELS" ]; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --upgrade \
      --target "$SITE" "$WHEELS"/*.whl || code=$?
  fi
  nvidia-smi -q >"$WORK/nvidia-smi.txt" 2>&1 || echo "nvidia-smi failed: see nvidia-smi.txt"
  bench doctor || code=$?
  # Missing data are better found here than by the stage `runs`. The last line says where to look.
  "$PYTHON" -P -c "from gan_bench import data; data.load('$DATASET')" 2>&1 | tail -n 1 || code=$?
  return "$code"
}

run_probe() { "$PYTHON" benchmarks/gpu_probe.py | tee "$WORK/probe.json"; }

run_tests() {
  # JAX's conformance suites compile for minutes, so they come last. Each test's line is printed
  # when it ends: a stage that is cut still says what passed.
  local slow="conformance_suite and jax" only code=0
  for only in "not ($slow)" "$slow"; do
    "$PYTHON" -m pytest tests/frameworks/test_gpu.py tests/frameworks/test_precision.py \
      -m "gpu and (torch or jax)" -k "$only" --numprocesses "$WORKERS" -p no:cacheprovider \
      --verbose --tb=short --durations=8 || code=$?
  done
  return "$code"
}

run_steps() {
  "$PYTHON" benchmarks/gpu_steps.py "$WORK/steps" --device "$DEVICE" --seconds $((STAGE_S - 5))
}

run_runs() {
  # A command for each seed and framework scores its runs before the next one starts, so whatever
  # is cut off at the limit, what ended before is complete.
  local seed framework recipe code=0
  for ((seed = 0; seed < SEEDS; seed++)); do
    for framework in $FRAMEWORKS; do
      local names=() options=()
      for recipe in $RECIPES; do
        names+=("$framework-$recipe")
        [ "$DEVICE" = cpu ] && options+=(--set "$framework-$recipe.batch_size=16")
      done
      bench run "${names[@]}" "${options[@]}" --device "$DEVICE" --dataset "$DATASET" \
        --images "$IMAGES" --seeds "$seed," --evaluations "$EVALUATIONS" --samples "$SAMPLES" \
        --metrics fid --score later --results "$WORK/runs" || code=$?
    done
  done
  return "$code"
}

run_scripts() {
  # shellcheck disable=SC2086
  "$PYTHON" benchmarks/throughput.py $ROUNDS --device "$DEVICE"
}

run_parity() {
  local recipe code=0
  for recipe in $RECIPES; do
    [ "$SECONDS" -gt $((STAGE_S / 2)) ] && echo "no time for $recipe" && break
    # shellcheck disable=SC2086
    bench parity "torch-$recipe" "jax-$recipe" $SMALL --device "$DEVICE" --results "$WORK/runs" ||
      code=$?
  done
  return "$code"
}

run_best() {
  # The other half is for what is off the training clock: draws, samples, scores.
  local seconds=${BEST_S:-$(((STAGE_S - 30) / 2))} rate images
  rate=$("$PYTHON" benchmarks/gpu_steps.py "$WORK/steps" --rate torch-dcgan) || return
  images=$((rate * seconds))
  bench run torch-dcgan --device "$DEVICE" --dataset "$DATASET" --images "$images" --seeds 0, \
    --evaluations "$EVALUATIONS" --samples "$SAMPLES" --results "$WORK/best"
}
set +a

left() { echo $((LIMIT - SECONDS)); }
note() { echo "== $(date +%T), $SECONDS s: $*" | tee -a "$WORK/stages.txt"; }

# stage NAME LEAST MOST TAIL: skipped where less than LEAST seconds are left, ended after MOST
stage() {
  local name=$1 least=$2 most=$3 tail=$4 code
  local asked=${name^^}_LIMIT
  case " $STAGES " in *" $name "*) ;; *) return ;; esac
  if [ "$(left)" -lt "$least" ]; then
    note "$name skipped: $(left) s are left, it needs $least"
    return
  fi
  if [ "$name" = best ] && [ ! -d "$WORK/steps" ]; then
    note "best skipped: the stage steps has measured no speed"
    return
  fi
  most=${!asked:-$most}
  [ "$most" -gt "$(left)" ] && most=$(left)
  note "$name, at most $most s"
  STAGE_S=$most timeout --kill-after=15 "$most" bash -uo pipefail -c "run_$name" >>"$WORK/$name.log" 2>&1
  code=$?
  [ "$code" -ne 0 ] && FAILED=1
  note "$name ended with $code"
  tail -n "$tail" "$WORK/$name.log" | cut -c1-300
  pack
}

# Files are renamed into OUT when they are complete: a call that is killed leaves the packs before.
pack() {
  local new=$WORK/packed heavy samples
  rm -rf "$new" && mkdir -p "$new"
  for heavy in ./packed "*/grids/*"; do # without pictures where the file would be too large
    tar -C "$WORK" --exclude=./site-packages --exclude=./out --exclude=./packed \
      --exclude="*/checkpoints" --exclude="*/snapshots/*" --exclude="$heavy" \
      -czf "$new/results.tar.gz" . 2>/dev/null
    [ "$(stat -c %s "$new/results.tar.gz")" -le 15000000 ] && break
  done
  samples=$(last_samples)
  if [ -n "$samples" ]; then
    tar -C "$WORK" --files-from=- -cf - <<<"$samples" |
      split --bytes=15000000 --numeric-suffixes --suffix-length=1 - "$new/samples.tar."
  fi
  rm -f "$OUT"/samples.tar.*
  mv "$new"/* "$OUT"
}

last_samples() { # of seed 0: the last snapshot of each run, up to SAMPLES_MB
  local folder
  (cd "$WORK" && for folder in best/runs/*-s0-*/snapshots runs/runs/*-s0-*/snapshots; do
    find "$folder" -name "*.npz" -printf "%s %p\n" 2>/dev/null | sort -k2 | tail -n 1
  done) | awk -v most="$SAMPLES_MB" '(sum += $1) <= most * 1e6 {print $2}'
}

FAILED=0
stage setup 0 90 60
stage probe 20 60 60
stage tests 60 130 40
stage steps 60 150 40
stage runs 60 "$LIMIT" 20
stage scripts 45 75 12
stage parity 45 90 20
stage best 60 "$LIMIT" 12
note "all done, $(left) s of $LIMIT are left"
pack
ls -l "$OUT"
cat "$WORK/stages.txt"
"$PYTHON" benchmarks/gpu_steps.py "$WORK/steps" --table
exit "$FAILED"
