#!/bin/sh
# Compiles what the idea left of the source, then runs it.
set -e
cc -O2 -o anneal anneal.c -lm
exec ./anneal "$@"
