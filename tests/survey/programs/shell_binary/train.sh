#!/bin/sh
# Trains by calling a binary, as a wrapper around a compiled trainer does.
set -e
STEPS=${STEPS:-800}
DIM=${DIM:-8}
RATE=${RATE:-0.05}
SEED=${SEED:-1}
OUT_DIR=${OUT_DIR:-./results}
mkdir -p "$OUT_DIR"
awk -v steps="$STEPS" -v dim="$DIM" -v rate="$RATE" -v seed="$SEED" -f trainer.awk | tee "$OUT_DIR/log.txt"
